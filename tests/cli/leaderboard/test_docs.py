"""The leaderboard in ``docs``: its cards pass all checks, and its pages show them."""

from __future__ import annotations

import html
from pathlib import Path

import pytest

from hyle.cli.leaderboard import check_folder, read_cards
from hyle.cli.leaderboard.boards import make_board, page_of

FOLDER = Path(__file__).parents[3] / "docs" / "leaderboard"


@pytest.fixture(scope="module")
def cards():
    return read_cards([FOLDER / "cards"])


def test_there_is_a_page_for_each_model_and_no_other(cards) -> None:
    expected = {"index.html", *(page_of(card.model) for card in cards)}
    assert set(check_folder(FOLDER)) == expected
    assert {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.html")} == expected


def test_the_index_shows_the_ranks_of_the_cards(cards) -> None:
    index = html.unescape((FOLDER / "index.html").read_text("utf-8"))
    for domain in {card.domain for card in cards}:
        for row in make_board([card for card in cards if card.domain == domain]).flat():
            text = (
                index.split(f'data-domain="{domain}"')[1]
                .split(f'data-model="{row.card["model"]}"')[1]
                .split("</tr>")[0]
            )
            for value in (row.ranks, row.performance.text, row.alignment.text, row.alignment.interval, row.quadrant):
                assert value in text, "build it anew: hyle leaderboard docs/leaderboard/cards -o docs/leaderboard"
