"""The pages: self-contained, the same for the same cards, and true to them."""

from __future__ import annotations

import base64
import copy
import html
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from hyle.cli.leaderboard import Card, read_cards, render_site
from hyle.cli.leaderboard.boards import make_board

from .planted import changed, make_card, write_card

MODELS = {
    "materials": ["chgnet-0.3.0", "chgnet-r2scan", "sevennet-0", "hienet", "cgcnn-energy", "composition", "lab/Net 2"],
    "proteins": ["near", "antiberty"],
}
HOSTILE = [
    "<script>document.title='hurt'</script>",
    '"><img src=x onerror="document.title=\'hurt\'">',
    "</script><video>",
    "{{ 7 * 7 }}",
]


def planted() -> list[Card]:
    return [Card(Path(f"{name}.json"), make_card(name, domain)) for domain, names in MODELS.items() for name in names]


@pytest.fixture(scope="module")
def site() -> dict[str, str]:
    return render_site(planted())


def hostile_cards() -> list[Card]:
    """Cards whose every text is hostile; no check lets them pass."""

    def poison(node: Any, key: str = "") -> Any:
        if isinstance(node, dict):
            return {name: poison(value, name) for name, value in node.items()}
        if isinstance(node, list):
            return [poison(value, key) for value in node]
        fixed = ("schema", "domain", "metric", "kind", "dataset", "quadrant", "modality", "version")
        return HOSTILE[len(key) % 3] + node if isinstance(node, str) and key not in fixed else node

    cards = []
    for i, card in enumerate(planted()):
        data = poison(copy.deepcopy(card.data))
        data |= {
            "model": HOSTILE[i % 4] + str(i),
            "family": HOSTILE[i % 3],
            "modality": HOSTILE[0],
            "licence": HOSTILE[1],
            "citation": HOSTILE[1],
        }
        data["url"] = 'https://example.org/"><img src=x onerror="document.title=\'hurt\'">'
        data["recipe"]["in"][HOSTILE[1]] = HOSTILE[0]
        data["trained_on_it"] = [HOSTILE[0]]
        data["sets"]["in"]["panel"]["models"][HOSTILE[0]] = next(iter(data["sets"]["in"]["panel"]["models"].values()))
        cards.append(Card(Path("card.json"), data))
    return cards


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_pages_are_the_index_and_one_per_model(site: dict[str, str]) -> None:
    models = {name for names in MODELS.values() for name in names}
    assert len(site) == 1 + len(models)
    index = Tags(site["index.html"]).tags
    linked = {attrs["href"] for tag, attrs in index if tag == "a" and attrs["href"].startswith("models/")}
    assert linked == set(site) - {"index.html"}
    assert "models/chgnet-0.3.0.html" in linked
    assert any(re.fullmatch(r"models/lab-net-2-[0-9a-f]{8}\.html", name) for name in linked)


def test_pages_are_self_contained(site: dict[str, str]) -> None:
    for name, page in site.items():
        for tag, attrs in Tags(page).tags:
            assert not (tag == "script" and "src" in attrs), name
            assert tag not in ("img", "iframe", "object", "embed", "base"), name
            if tag == "link":
                assert attrs["href"] == "data:,", name
        assert "default-src 'none'" in page
        assert ("<script" in page) == (name == "index.html")
        assert not re.search(r"url\((?!#)|@import", page.split("<script")[0])


def test_figures_are_static_and_no_script_is_of_others(site: dict[str, str]) -> None:
    index = site["index.html"]
    (script,) = re.findall(r"<script>(.*?)</script>", index, re.DOTALL)
    assert max(map(len, script.splitlines())) < 300  # nothing is minified
    assert "vega" not in script.casefold()
    for domain in MODELS:
        for figure in ("tree", "quadrants")[: 1 if domain == "proteins" else 2]:
            assert "<svg" in index.split(f'id="{figure}-{domain}"')[1].split("</div>")[0]
    assert len(index) < 400_000
    assert max(map(len, site.values())) == len(index)


def test_marks_have_a_tooltip_and_lead_to_the_page_of_their_model() -> None:
    card = make_card("net", "molecules")
    page = render_site([Card(Path("net.json"), card)])["index.html"]
    chart = page.split('id="quadrants-molecules"')[1].split("</div>")[0]
    tips = [html.unescape(tip) for tip in re.findall(r'data-t="([^"]*)"', chart)]
    (own,) = {tip for tip in tips if tip.startswith("model: net\n")}
    assert f"performance: {card['sets']['in']['performance']['value']:.3f}" in own
    # Models of the panel have points, and no pages.
    assert any(tip.startswith("model: minimol\n") for tip in tips)
    linked = re.findall(r'<a href="([^"]*)" tabindex="-1"><path[^>]* data-t="([^"]*)"', chart)
    assert [(address, html.unescape(tip)) for address, tip in linked] == [("models/net.html", own)]


def test_the_number_of_families_is_beside_the_ranks(site: dict[str, str]) -> None:
    for domain in MODELS:
        board = make_board([card for card in planted() if card.domain == domain])
        section = site["index.html"].split(f'data-domain="{board.domain}"')[1].split("<tbody")[0]
        if not board.ranking.ranks:
            assert "families" not in section
            continue
        families = {row.family for row in board.flat() if row.rank}
        assert f"{len(board.ranking.ranks)} models of {len(families)} families" in section
        assert f"rank</button><small>of {len(families)} families</small>" in section


def test_the_same_cards_give_the_same_bytes(site: dict[str, str]) -> None:
    assert render_site(planted()[::-1]) == site


def test_the_first_line_says_what_a_rank_means(site: dict[str, str]) -> None:
    first = re.search(r"<p[^>]*class=\"lede\">(.*?)</p>", site["index.html"])
    assert first is not None
    assert first[1].startswith("A rank says how much one frozen representation explains of one property")
    assert "It does not say" in first[1]


def test_a_page_states_the_numbers_of_its_card(site: dict[str, str]) -> None:
    card = make_card("chgnet-0.3.0", "materials")
    page = html.unescape(site["models/chgnet-0.3.0.html"])
    inside = card["sets"]["in"]
    estimate = inside["alignment"]["cka"]["panel"]
    assert f"{estimate['value']:.2f} ({estimate['low']:.2f} to {estimate['high']:.2f})" in page
    assert f"{inside['performance']['value']:.3f} ± {inside['performance']['se']:.3f}" in page
    for text in (
        inside["panel"]["sha256"],
        card["embedding_sha256"]["out"],
        "Deng et al.",
        "BSD-3-Clause-LBNL",
        "composition",
    ):
        assert text in page
    data = re.search(r"data:application/json;base64,([^\"]+)", page)
    assert data is not None
    assert json.loads(base64.b64decode(data[1])) == card


def test_no_text_of_a_card_becomes_markup() -> None:
    for name, page in render_site(hostile_cards()).items():
        tags = Tags(page).tags
        assert not any("onerror" in attrs for _, attrs in tags), name
        assert not [tag for tag, _ in tags if tag in ("img", "video")], name
        assert sum(tag == "script" for tag, _ in tags) == (1 if name == "index.html" else 0)
        assert "models/" not in name or re.fullmatch(r"models/[a-z0-9][a-z0-9._-]*\.html", name)


def test_the_command_writes_the_site(run: Callable, tmp_path: Path) -> None:
    for card in planted()[-3:]:
        write_card(card.data, tmp_path / "cards", card.model.replace("/", "-") + card.domain)
    ran = run("leaderboard", "cards", "-o", "site")
    assert ran.code == 0, ran.err
    assert "3 cards of 3 models: wrote site/index.html" in ran.err
    first = {path: path.read_bytes() for path in (tmp_path / "site").rglob("*") if path.is_file()}
    assert run("leaderboard", "cards", "-o", "site").code == 0
    assert {path: path.read_bytes() for path in (tmp_path / "site").rglob("*") if path.is_file()} == first
    pages = render_site(read_cards([tmp_path / "cards"]))
    assert {str(path.relative_to(tmp_path / "site")) for path in first} == {*pages, ".hyle-leaderboard.json"}


@pytest.mark.parametrize("key", ["sets.in.performance", "diagnosis.median", "diagnosis.probability"])
def test_what_is_unknown_is_left_out(key: str) -> None:
    data = changed(changed(make_card("near", "proteins"), key, None), "diagnosis.quadrant", None)
    pages = render_site([Card(Path("near.json"), data)])
    assert "near" in pages["models/near.html"]


def test_undefined_estimates_are_dashes() -> None:
    nothing = dict.fromkeys(("value", "se", "low", "high"))
    data = make_card("near", "proteins")
    for role in ("in", "out"):
        data = changed(data, f"sets.{role}.alignment.cknna.panel", nothing | {"p": None, "control_value": None})
        data = changed(data, f"sets.{role}.relatives", [])
        data = changed(data, f"sets.{role}.controls", [])
    for name in data["sets"]["in"]["panel"]["models"]:
        data["sets"]["in"]["panel"]["models"][name]["alignment"] = nothing
    pages = render_site([Card(Path("near.json"), data), Card(Path("b.json"), make_card("b", "proteins"))])
    assert "None" not in re.sub(r"<script.*?</script>|data:[^\"]*", "", pages["models/near.html"], flags=re.DOTALL)
