"""The site in a browser, from disk: sorting, filters, widths, contrast, and texts that try to be scripts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from hyle.cli.leaderboard import Card, render_site
from hyle.zoo import list_models, load_panel

from .. import browser
from .planted import make_card
from .test_site import HOSTILE, hostile_cards, planted

LOOK = """
<script>
addEventListener("load", async () => {
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const out = {};
  await wait(1500);
  BODY
  out.title = document.title;
  out.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  document.body.insertAdjacentHTML("beforeend", `<pre id="out"></pre>`);
  document.getElementById("out").textContent = JSON.stringify(out);
});
</script>
"""
USE = (Path(__file__).parent / "use_index.js").read_text("utf-8")
HOVER = (Path(__file__).parent / "hover_marks.js").read_text("utf-8")


def look(page: str, body: str, folder: Path, size: str) -> tuple[dict[str, Any], list[str]]:
    # Pages of models allow no script at all: without this rule, only the escaping of the texts is left to be tested.
    start, _, end = re.sub(r"<meta http-equiv[^>]*>", "", page).rpartition("</body>")
    path = folder / "page.html"
    path.write_text(start + LOOK.replace("BODY", body) + end, encoding="utf-8")
    return browser.opened(path, size)


@browser.needed
@pytest.mark.parametrize("size", ["1280,1600", "500,1600"], ids=["desktop", "phone"])
def test_the_index_sorts_filters_and_fits(tmp_path: Path, size: str) -> None:
    cards = planted()
    out, console = look(render_site(cards)["index.html"], USE, tmp_path, size)
    assert console == []
    assert out["empty"] == []
    assert out["wide"] <= 0
    assert out["contrast"] == {}
    assert out["focused"]
    own = {card.model: card.data for card in cards if card.domain == "materials"}
    licence = {one.name: one.licence for one in list_models()}
    members = [one for one in load_panel("mptrj").members if one.modality != "control" and one.name not in own]
    known = {one.name: {"parameters": one.parameters, "licence": licence[one.name]} for one in members} | own
    assert sorted(out["first"][0]) == sorted(known)
    assert out["first"][1] == ["rank ascending"]

    sizes = {name: data["parameters"] for name, data in known.items() if data["parameters"]}
    unknown = set(known) - set(sizes)
    for key, sign, word in (("up", 1, "ascending"), ("down", -1, "descending")):
        models, sorts = out[key]
        assert sorts == [f"parameters {word}"]
        counts = [sizes[name] for name in models if name in sizes]
        assert counts == sorted(counts, key=lambda value: sign * value)
        assert set(models[len(sizes) :]) == unknown  # undefined values come last in either direction
    value = {name: data["sets"]["in"]["alignment"]["cknna"]["panel"]["value"] for name, data in own.items()}
    assert out["alignment"][1] == ["alignment descending"]
    assert [name for name in out["alignment"][0] if name in own] == sorted(own, key=lambda name: -value[name])
    # Grouped: each family at the place of its best model, its other models next to it.
    place = {name: i for i, name in enumerate(out["grouped"])}
    assert abs(place["chgnet-0.3.0"] - place["chgnet-r2scan"]) == 1
    assert out["grouped"][0] == out["alignment"][0][0]

    assert out["controls"] == ["composition"]
    assert out["status"].startswith("1 of ")
    assert set(own) - set(out["faint"]) == {"composition"}  # in the quadrants and the tree
    assert out["none_faint"] == []
    assert sorted(out["mit"]) == sorted(name for name, data in known.items() if data["licence"] == "MIT")
    assert out["none"] == [[], True]
    assert sorted(out["search"]) == ["chgnet-0.3.0", "chgnet-r2scan"]
    assert out["sections"] == ["proteins"]


@browser.needed
def test_hostile_texts_run_nowhere(tmp_path: Path) -> None:
    pages = render_site(hostile_cards())
    out, console = look(pages["index.html"], HOVER, tmp_path, "1280,3000")
    assert console == []
    assert (out["title"], out["injected"]) == ("Leaderboard of models of matter", 0)
    assert "script" in "".join(out["names"])
    assert any(text in tooltip for tooltip in out["tooltips"] for text in HOSTILE)
    for name in [name for name in pages if name != "index.html"][:3]:
        out, console = look(pages[name], HOVER, tmp_path, "1280,3000")
        assert console == []
        assert out["title"] != "hurt"
        assert out["injected"] == 0


@browser.needed
def test_a_page_of_a_model_fits_on_a_phone(tmp_path: Path) -> None:
    name = "a-model-with-a-rather-long-name-of-sixty-characters-in-total-1"
    page = render_site([Card(Path("card.json"), make_card(name, "molecules"))])
    out, console = look(next(text for key, text in page.items() if key != "index.html"), "", tmp_path, "500,1600")
    assert console == []
    assert out["wide"] <= 0
