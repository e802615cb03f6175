"""The report in a browser: widths, clicks, the address, keyboard, contrast, print and pictures."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
import xarray as xr

from hyle.cli import report
from hyle.cli.figures import score_ramps

from ..devtools import DevTools, Page, decode_png
from .panels import rich

PageOf = Callable[[str], Path]
# Written by this test where HYLE_NEW_PICTURES is set.
PICTURES = Path(__file__).parent / "pictures"
VISIBLE_PAIRS = "[...document.querySelectorAll('#pair-table tbody tr')].filter((row) => row.offsetParent).length"
# Text whose contrast with what is behind it is below 4.5, as WCAG AA demands of small text.
FAINT = """{
    const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = (node) => {
        for (; node; node = node.parentElement) {
            const colour = rgb(getComputedStyle(node).backgroundColor);
            if (colour.length === 3 || colour[3] > 0.99) return colour;
        }
        return [255, 255, 255];
    };
    const found = {};
    const texts = "h1, h2, h3, p, a, th, td, span, b, label, button, li, figcaption, dt, dd, pre, abbr, summary, small";
    for (const node of document.querySelectorAll(texts)) {
        if (!node.offsetParent || !node.textContent.trim() || node.closest("svg")) continue;
        const [x, y] = [light(rgb(getComputedStyle(node).color)), light(behind(node))].sort((a, b) => b - a);
        if ((x + 0.05) / (y + 0.05) < 4.5) found[`${node.tagName} ${node.className}`] = (x + 0.05) / (y + 0.05);
    }
    for (const text of document.querySelectorAll(".chart svg text, #map-labels text")) {
        const [x, y] = [light(rgb(getComputedStyle(text).fill)), light(behind(document.querySelector(".card")))]
            .sort((a, b) => b - a);
        if ((x + 0.05) / (y + 0.05) < 4.5) found[text.textContent] = (x + 0.05) / (y + 0.05);
    }
    return found;
}"""


def cells(page: Page, pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return a pixel of each cell of the heat map: near its left edge, where there is no number."""
    x, y, _, _ = page.box("#matrix")
    scale, (left, top), (wide, high) = page.run(
        """{
            const data = JSON.parse(document.getElementById("data").textContent);
            const map = document.getElementById("matrix");
            return [map.getBoundingClientRect().width / map.viewBox.baseVal.width, data.corner, data.cell];
        }"""
    )
    return [
        (round(y + scale * (top + (i + 0.5) * high)), round(x + scale * (left + (j + 0.06) * wide))) for i, j in pairs
    ]


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["rich", "two"])
def test_the_page_fits_and_can_be_read(devtools: DevTools, page_of: PageOf, name: str, width: int, dark: bool) -> None:
    with devtools.open(page_of(name), width=width, dark=dark) as page:
        assert page.console() == []
        assert page.run("document.documentElement.scrollWidth") <= width
        assert page.run(FAINT) == {}
        small = page.run("[...document.querySelectorAll('p, td, li, dd')].filter((n) => n.offsetParent"
                         " && parseFloat(getComputedStyle(n).fontSize) < 11.5).length")  # fmt: skip
        assert small == 0


def test_the_answer_is_above_the_fold_and_nulls_are_folded(devtools: DevTools, page_of: PageOf) -> None:
    with devtools.open(page_of("rich")) as page:
        size, weight = page.run(
            "{ const s = getComputedStyle(document.querySelector('.answer')); return [s.fontSize, s.fontWeight]; }"
        )
        assert float(size.removesuffix("px")) >= 28
        assert int(weight) >= 600
        assert page.run("document.querySelector('.answer').textContent").startswith("On 500 molecules 34 of 36 pairs")
        assert "element counts (composition)" in page.run("document.querySelector('.answer').textContent")
        assert page.run("document.querySelectorAll('.keys > div').length") == 3
        assert page.run("document.querySelector('.keys').getBoundingClientRect().bottom") < 900
        assert page.run("document.querySelector('.nulls').open") is False


def test_a_tab_and_a_choice_are_in_the_address_and_come_back(devtools: DevTools, page_of: PageOf) -> None:
    shown = "document.querySelector('#matrix [data-half=lower]').getAttribute('href')"
    with devtools.open(page_of("rich")) as page:
        page.click("#tab-mutual_knn")
        page.run("{ const s = document.getElementById('picked'); s.value = 'modality:atoms';"
                 " s.dispatchEvent(new Event('change')); }")  # fmt: skip
        assert page.run(shown) == "#lower-mutual_knn"
        address = page.run("location.hash")
        assert page.run("document.getElementById('panel-cka').hidden")
        assert page.run(VISIBLE_PAIRS) == 25
        page.click("#more")
        assert (
            page.run(VISIBLE_PAIRS) == 66 - 9 * 8 // 2
        )  # of three picked models, with each other and with nine others
        assert page.run("document.querySelectorAll('#chart-agreement .faint').length") == 9 * 8 // 2
        assert page.run("document.getElementById('status').textContent").startswith("3 of 12 models")
        page.click('.bar a[href="#models"]')
        assert page.run("location.hash").startswith("#models&")
    assert address == f"#&metric=mutual_knn&show={quote('modality:atoms', safe='')}"
    with devtools.open(page_of("rich"), hash="#pairs" + address[1:]) as page:
        assert page.run(shown) == "#lower-mutual_knn"
        assert page.run("document.getElementById('picked').value") == "modality:atoms"
        assert page.run("document.getElementById('tab-mutual_knn').getAttribute('aria-selected')") == "true"
        assert abs(page.run("document.getElementById('pairs').getBoundingClientRect().top")) < 150
        page.run("{ location.hash = '#metric=cka'; await new Promise((done) => setTimeout(done, 50)); }")
        assert page.run(shown) == "#lower-cka"
        assert page.run("document.getElementById('status').textContent") == ""
    with devtools.open(page_of("rich"), hash="#&metric=%3Cb%3E&show=nothing") as page:  # an address that is wrong
        assert page.console() == []
        assert page.run(shown) == "#lower-cka"


def test_a_cell_lights_up_its_row_and_column(devtools: DevTools, page_of: PageOf) -> None:
    with devtools.open(page_of("rich")) as page:
        (at,) = cells(page, [(5, 2)])
        page.move(at[1], at[0])
        models, values = page.run(
            "{ const d = JSON.parse(document.getElementById('data').textContent);"
            " return [d.shown, d.metrics[0].value]; }"
        )
        lit = "[...document.querySelectorAll('#map-labels .%s.lit')].map((label) => label.lastChild.textContent)"
        assert (page.run(lit % "row"), page.run(lit % "column")) == ([models[5]], [models[2]])
        tip = page.run("document.getElementById('tip').textContent")
        assert f"{models[5]} – {models[2]}" in tip
        assert f"{values[5 * 12 + 2]:.3f}" in tip
        # The same by keyboard, spoken in the live region.
        page.run("document.getElementById('matrix').focus()")
        page.press("ArrowDown")
        spoken = page.run("document.getElementById('status').textContent")
        assert f"{models[6]} – {models[2]}: debiased linear CKA {values[6 * 12 + 2]:.3f}".replace("-", "−") in spoken
        page.press("Escape")
        assert page.run("document.getElementById('tip').hidden")
        # The upper half has a second metric, which can be chosen.
        assert page.run("document.querySelector('#matrix [data-half=upper]').getAttribute('href')") == "#upper-cknna"
        page.run("{ const s = document.getElementById('upper'); s.value = 'mutual_knn';"
                 " s.dispatchEvent(new Event('change')); }")  # fmt: skip
        assert (
            page.run("document.querySelector('#matrix [data-half=upper]').getAttribute('href')") == "#upper-mutual_knn"
        )


def test_marks_of_charts_have_tooltips_by_pointer_and_keyboard(devtools: DevTools, page_of: PageOf) -> None:
    with devtools.open(page_of("rich")) as page:
        x, y, width, height = page.box("#chart-agreement [data-t]")
        page.move(x + width / 2, y + height / 2)
        assert "debiased linear CKA: " in page.run("document.getElementById('tip').textContent")
        page.run("document.getElementById('chart-tree').focus()")
        page.press("ArrowRight")
        assert page.run("document.getElementById('status').textContent").startswith("model: ")


def test_the_tables_fold_filter_and_sort(devtools: DevTools, page_of: PageOf) -> None:
    first = "document.querySelector('#pair-table tbody tr').textContent"
    with devtools.open(page_of("rich")) as page:
        assert page.run("[...document.querySelectorAll('.about')].filter((row) => row.offsetParent).length") == 0
        page.click(".unfold")
        assert page.run("[...document.querySelectorAll('.about')].filter((row) => row.offsetParent).length") == 1
        typed = "{ const f = document.getElementById('filter'); f.value = %r; f.dispatchEvent(new Event('input')); }"
        page.run(typed % "minilm")
        assert page.run(VISIBLE_PAIRS) == 11
        page.run(typed % "no such model")
        assert page.run(VISIBLE_PAIRS) == 0
        assert "No pair matches" in page.run("document.getElementById('no-pairs').innerText")
        page.click("#clear")
        assert page.run(VISIBLE_PAIRS) == 25
        page.click("#pair-table th button")
        assert "admet-ai-cls" in page.run(first)
        assert page.run("document.querySelector('#pair-table th').getAttribute('aria-sort')") == "ascending"


def test_without_controls_untrained_and_random_models_are_hidden_too(devtools: DevTools, tmp_path: Path) -> None:
    data = rich()
    names = [str(name) for name in data["model"].values]
    names[names.index("rxnfp")] = "rxnfp-untrained"
    path = report.write_report(data.assign_coords(model=names, other=names), tmp_path / "page.html")
    with devtools.open(path) as page:
        page.click("#more")
        assert page.run(VISIBLE_PAIRS) == 66
        page.click("#with-controls")
        assert page.run(VISIBLE_PAIRS) == 8 * 7 // 2
        shown = page.run("document.querySelector('#pair-table tbody').innerText")
        assert "minilm" in shown
        assert not {"rxnfp-untrained", "random", "composition", "morgan"} & set(shown.split())


def test_pairs_that_are_not_printed_follow_the_filter(devtools: DevTools, tmp_path: Path) -> None:
    names = [f"m{i:02}" for i in range(16)]
    values = np.random.default_rng(0).uniform(size=(16, 16))
    attrs = rich()["cka"].attrs
    data = xr.Dataset({"cka": (("model", "other"), values + values.T, attrs)}, {"model": names, "other": names})
    printed = "[...document.querySelectorAll('#pair-table tbody tr')].filter((row) => row.checkVisibility())"
    left = "document.getElementById('unprinted')"
    path = report.write_report(data, tmp_path / "page.html")
    with devtools.open(path, media="print") as page:
        assert page.run(f"{printed}.length") == 100
        assert "of 120 pairs are printed; the other 20 are in the CSV" in page.run(f"{left}.innerText")
        # Sorted by name, the first hundred of this order are printed.
        page.run("document.querySelector('#pair-table th button').click()")
        assert page.run(f"{printed}.length") == 100
        assert page.run(f"{printed}[0].cells[0].textContent") == "m00"
        page.run(
            "{ const f = document.getElementById('filter'); f.value = 'm03'; f.dispatchEvent(new Event('input')); }"
        )
        assert page.run(f"{printed}.length") == 15
        assert not page.run(f"{left}.checkVisibility()")


def test_a_modality_is_on_one_line_on_a_phone(devtools: DevTools, tmp_path: Path) -> None:
    data = rich()
    names = [f"{name}-untrained-and-long" for name in data["model"].values]
    path = report.write_report(data.assign_coords(model=names, other=names), tmp_path / "page.html")
    with devtools.open(path, width=390) as page:
        heights = page.run(
            "[...document.querySelectorAll('.models .kind')].map((cell) => { const r = document.createRange();"
            " r.selectNodeContents(cell); return r.getBoundingClientRect().height; })"
        )
        assert len(heights) == 12
        assert max(heights) < 30
        assert page.run("document.documentElement.scrollWidth") <= 390


def test_files_and_references_can_be_taken_along(devtools: DevTools, page_of: PageOf) -> None:
    with devtools.open(page_of("rich")) as page:
        page.run("{ window.made = []; URL.createObjectURL = (blob) => { made.push(blob); return 'data:,'; }; }")
        page.click("#pairs ~ .tools [data-csv]")
        text = page.run(
            "{ while (!made.length) await new Promise((done) => setTimeout(done, 20)); return made[0].text(); }"
        )
        assert text.startswith("model,other,metric,value,chance")
        assert len(text.splitlines()) == 1 + 4 * 66 + 24
        page.click("#copy")
        copied = page.run(
            "{ const out = document.getElementById('copied'); for (let i = 0; i < 100 && !out.textContent; i++)"
            " await new Promise((done) => setTimeout(done, 20)); return out.textContent; }"
        )
        assert copied in ("Copied.", "Selected: copy it with the keyboard.")
        entries = page.run("document.getElementById('bibtex').textContent")
        assert entries.count("@") == 4
        assert "@software{hyle" in entries
        links = page.run("[...document.querySelectorAll('.cite a')].map((link) => link.href)")
        assert {"https://arxiv.org/abs/1905.00414", "https://arxiv.org/abs/2512.03750"} <= set(links)


def test_on_a_phone_the_heat_map_is_a_list_of_the_strongest_pairs(devtools: DevTools, page_of: PageOf) -> None:
    with devtools.open(page_of("rich"), width=390) as page:
        assert not page.run("document.getElementById('matrix').checkVisibility()")
        listed = page.run(
            "[...document.querySelectorAll('#panel-cka .strongest li')].map((one) => [one.innerText, one.offsetHeight])"
        )
        assert len(listed) == 10
        assert all(height > 30 for _, height in listed)
        assert any("control" in text for text, _ in listed)
        values = [float(re.findall(r"0\.\d\d", text)[-1]) for text, _ in listed]
        assert values == sorted(values, reverse=True)


def test_print_has_every_metric_recipe_and_head(devtools: DevTools, page_of: PageOf) -> None:
    with devtools.open(page_of("rich"), width=704, media="print") as page:
        visible = "[...document.querySelectorAll('%s')].filter((one) => one.checkVisibility()).length"
        assert page.run(visible % ".paper figure") == 4
        assert page.run(visible % ".metric") == 4
        assert page.run(visible % ".about") == 12
        assert page.run(visible % "#pair-table tbody tr") == 66
        assert page.run(visible % "#pair-table thead .on-paper") == 6  # two models and four metrics
        assert page.run(visible % ".bar") == 0
        assert page.run("getComputedStyle(document.querySelector('#pair-table thead')).display") == "table-header-group"
        # Nothing is wider than the paper.
        wide = page.run(
            "[...document.querySelectorAll('table, figure, dl, pre')].filter((one) => one.checkVisibility()"
            " && one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.outerHTML.slice(0, 80))"
        )
        assert wide == []
        heads = page.run(
            "[...document.querySelectorAll('.paper svg')]"
            ".map((one) => one.querySelector('use').getBoundingClientRect().width)"
        )
        assert all(width > 200 for width in heads)  # the labels are drawn in each map
    with devtools.open(page_of("rich")) as page:
        pages = len(re.findall(rb"/Type\s*/Page\b", page.pdf()))
    assert 5 <= pages <= 9


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_picture_of_the_heat_map_has_the_colours_of_the_scores(
    devtools: DevTools, page_of: PageOf, dark: bool
) -> None:
    above, below = score_ramps(dark=dark)
    comparison = rich()
    pairs = [(i, j) for i in range(12) for j in range(12) if i != j]
    with devtools.open(page_of("rich"), height=1200, dark=dark) as page:
        models = page.run("JSON.parse(document.getElementById('data').textContent).models")
        colours = page.pixels(cells(page, pairs))
    for (i, j), shown in zip(pairs, colours, strict=True):
        metric = "cka" if j < i else "cknna"  # below and above the diagonal
        value, chance = (
            comparison[name].sel(model=models[i], other=models[j]).item() for name in (metric, f"{metric}_chance")
        )
        share = (value - chance) / (1 - chance)
        colour = above[min(round(32 * share), 32)] if share >= 0 else below[min(max(round(-32 * share), 1), 8)]
        expected = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
        assert np.abs(shown - expected).max() <= 3, (models[i], models[j], value)


@pytest.mark.parametrize(
    ("width", "dark", "media"),
    [(1280, False, ""), (1280, True, ""), (390, False, ""), (704, False, "print")],
    ids=["desktop", "dark", "phone", "print"],
)
def test_the_picture_of_the_page_is_that_of_the_reference(
    devtools: DevTools, page_of: PageOf, width: int, dark: bool, media: str
) -> None:
    """Means over squares of 16 pixels, so that another font changes little; a broken layout changes much."""
    kind = media or ("dark" if dark else "desktop" if width == 1280 else "phone")
    with devtools.open(page_of("rich"), width=width, height=1600, dark=dark, media=media) as page:
        small = page.means(16)
    if os.environ.get("HYLE_NEW_PICTURES"):
        from PIL import Image

        Image.fromarray(small.astype(np.uint8)).save(PICTURES / f"{kind}.png")
    reference = decode_png((PICTURES / f"{kind}.png").read_bytes()).astype(float)
    assert small.shape == reference.shape
    # Text of another font may move what is below it by some rows.
    shifted = [np.abs(np.roll(small, by, axis=0) - reference).mean() for by in range(-6, 7)]
    assert min(shifted) < 12, shifted
