"""Models of the reference panel without a card are ranked along, with the numbers of the panel."""

from __future__ import annotations

from pathlib import Path

from hyle.cli.leaderboard import Card, render_site
from hyle.cli.leaderboard.boards import make_board
from hyle.zoo import load_panel

from .planted import make_card


def test_the_panel_is_ranked_along() -> None:
    card = Card(Path("net.json"), make_card("net", "molecules", value=2.0, se=0.001))
    board = make_board([card])
    members = {one.name: one for one in load_panel("qm9").members if one.modality != "control"}
    rows = {row.card["model"]: row for row in board.flat()}
    assert set(rows) == {"net", *members}
    assert rows["net"].rank == (1, 1, 1, 1 + len({one.family for one in members.values()}))
    for name, member in members.items():
        row = rows[name]
        assert (row.href, row.performance.sort, row.family) == ("", member.scores["probe"].value, member.family)
        assert row.alignment.sort == card.data["sets"]["in"]["panel"]["models"][name]["alignment"]["value"]
        assert row.quadrant == "–"
    assert set(render_site([card])) == {"index.html", "models/net.html"}


def test_a_model_with_a_card_is_there_once() -> None:
    board = make_board(
        [Card(Path("a.json"), make_card("minimol", "molecules")), Card(Path("b.json"), make_card("net", "molecules"))]
    )
    names = [row.card["model"] for row in board.flat()]
    assert len(names) == len(set(names))
    assert [row.href for row in board.flat() if row.card["model"] == "minimol"] == ["models/minimol.html"]


def test_the_controls_of_the_panel_are_no_rows() -> None:
    names = [row.card["model"] for row in make_board([Card(Path("a.json"), make_card("near", "proteins"))]).flat()]
    assert "composition" not in names
    assert "antiberty" in names
