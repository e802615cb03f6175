"""Pages with pictures of samples in a browser: pointer, touch, keyboard, widths, dark mode and print."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from hyle.cli.jobs import contested, find_neighbours, make_map, write_contested, write_map, write_neighbours
from hyle.cli.report import Pictured, picture_row
from hyle.zoo import InputError, Representation, Sample, load_dataset

from ..devtools import DevTools, Page

NAME = "document.getElementById('name').textContent"
# Chromium says that it draws WebGL without a GPU.
HARMLESS = ("software WebGL", "GPU stall")


def complaints(page: Page) -> list[str]:
    return [line for line in page.console() if not any(word in line for word in HARMLESS)]


def until(page: Page, condition: str, seconds: float = 8) -> None:
    deadline = time.monotonic() + seconds
    while not page.run(condition):
        assert time.monotonic() < deadline, condition
        time.sleep(0.05)


@pytest.fixture(scope="module")
def map_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A map of two models in which the points of a 20 x 20 grid are easily found."""
    rng = np.random.default_rng(0)
    ids = load_dataset("qm9", n=400).ids
    grid = np.array([[i, j] for i in np.linspace(-2, 2, 20) for j in np.linspace(-1, 1, 20)])
    turned = grid[:, ::-1] + rng.normal(0, 0.01, (400, 2))
    rows = [Representation("grid", grid, ids), Representation("turned", turned, ids)]
    path = tmp_path_factory.mktemp("maps") / "map.html"
    return write_map(make_map(rows, {sample.id: sample for sample in load_dataset("qm9", n=400)}), path)


def middle_of(page: Page, plot: int) -> tuple[float, float]:
    x, y, width, height = page.box(f".plot-of:nth-child({plot}) .plot")
    return x + width / 2, y + height / 2


def test_a_point_shows_its_structure_when_it_is_pointed_at(devtools: DevTools, map_page: Path) -> None:
    with devtools.open(map_page) as page:
        x, y = middle_of(page, 2)
        for step in range(14):
            page.move(x + 3 * step, y)
            time.sleep(0.03)
        until(page, f"{NAME} !== ''")
        until(page, "!document.getElementById('tip').hidden")
        name = page.run(NAME)
        until(page, "document.querySelector('#picture title') !== null")
        assert page.run("document.querySelector('#picture title').textContent").startswith(name)
        assert page.run("document.querySelector('#tip bdi').textContent") == name
        # The same sample is marked in every map.
        marked = """[...document.querySelectorAll(".marks")].map((canvas) =>
            canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value))"""
        assert page.run(marked) == [True, True, True]
        page.move(5, 5)
        until(page, "document.getElementById('tip').hidden")
        assert page.run("document.documentElement.scrollWidth <= innerWidth")
        assert complaints(page) == []


def test_a_click_keeps_a_sample_and_escape_lets_it_go(devtools: DevTools, map_page: Path) -> None:
    with devtools.open(map_page) as page:
        page.run("document.getElementById('find').value = 'qm9-'")
        page.run("document.getElementById('find').dispatchEvent(new Event('input'))")
        until(page, f"{NAME} !== ''")
        first = page.run(NAME)
        assert page.run("!document.getElementById('close').hidden")
        x, y = middle_of(page, 2)
        for step in range(12):
            page.move(x + 3 * step, y)
            time.sleep(0.03)
        until(page, f"{NAME} !== {json.dumps(first)}")
        page.move(5, 5)
        until(page, f"{NAME} === {json.dumps(first)}")
        page.run("document.querySelector('.plot').focus()")
        page.press("Escape")
        assert page.run("document.getElementById('close').hidden")


def test_arrow_keys_go_from_point_to_point_and_say_where(devtools: DevTools, map_page: Path) -> None:
    with devtools.open(map_page) as page:
        page.run("document.querySelectorAll('.plot')[1].focus()")
        seen = []
        for key in ("ArrowRight", "ArrowRight", "ArrowUp", "ArrowLeft", "ArrowLeft", "ArrowDown"):
            before = page.run("document.getElementById('status').textContent")
            page.press(key)
            until(page, f"document.getElementById('status').textContent !== {json.dumps(before)}")
            seen.append(page.run(NAME))
        # On a grid, right, up, left, left, down ends one step left of the start.
        assert len(set(seen)) == 6
        page.press("ArrowRight")
        until(page, f"{NAME} === {json.dumps(seen[0])}")
        assert page.run("document.getElementById('status').textContent").startswith(seen[0])
        assert complaints(page) == []


def test_a_tap_on_a_phone_opens_a_sheet(devtools: DevTools, map_page: Path) -> None:
    with devtools.open(map_page, width=390, height=844) as page:
        assert page.run("document.documentElement.scrollWidth") == 390
        assert page.run("getComputedStyle(document.getElementById('panel')).display") == "none"
        x, y = middle_of(page, 2)
        page.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
        page.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        until(page, "document.getElementById('panel').classList.contains('on')")
        until(page, "document.querySelector('#picture svg') !== null")
        assert page.run("document.getElementById('panel').getBoundingClientRect().bottom") == 844
        assert page.run("document.getElementById('panel').getBoundingClientRect().top") > 400
        page.click("#close")
        until(page, "getComputedStyle(document.getElementById('panel')).display === 'none'")
        assert complaints(page) == []


def test_the_viewer_follows_where_there_is_webgl_and_else_the_drawing_stays(devtools: DevTools, map_page: Path) -> None:
    with devtools.open(map_page) as page:
        capable = page.run("Boolean(document.createElement('canvas').getContext('webgl'))")
        page.run("document.querySelectorAll('.plot')[1].focus()")
        page.press("ArrowRight")
        until(page, "document.querySelector('#picture svg') !== null")
        if capable:
            until(page, "document.querySelector('#viewer canvas') !== null", 20)
            assert page.run("document.querySelectorAll('#viewer canvas').length") == 1
            assert page.run("document.getElementById('viewer').hidden") is False
    with devtools.open(map_page) as page:
        page.run("""{
            const old = HTMLCanvasElement.prototype.getContext;
            HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
                return kind.startsWith("webgl") ? null : old.call(this, kind, ...rest);
            };
        }""")
        page.run("document.querySelectorAll('.plot')[1].focus()")
        page.press("ArrowRight")
        until(page, "document.querySelector('#picture svg') !== null")
        time.sleep(0.5)
        assert page.run("document.getElementById('viewer').hidden") is True
        assert complaints(page) == []


def test_maps_change_colours_at_night_and_print_in_those_of_the_day(devtools: DevTools, map_page: Path) -> None:
    sums = {}
    colour = """{
        const canvas = document.querySelector(".points"), sum = [0, 0, 0];
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        for (let i = 0; i < data.length; i += 4) {
            if (data[i + 3] > 100) for (let k = 0; k < 3; k++) sum[k] += data[i + k];
        }
        return sum;
    }"""
    for dark in (False, True):
        with devtools.open(map_page, dark=dark) as page:
            until(page, "window.firstPaint > 0")
            sums[dark] = page.run(colour)
            assert min(sums[dark]) > 0
            paper = page.pdf()
            assert len(paper) > 20_000  # a page without points has 10,000 bytes
            assert page.run(colour) == sums[dark]
    assert sums[False] != sums[True]


def test_ten_thousand_points_are_soon_painted_and_picked_fast(devtools: DevTools, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    ids = [f"m{i}" for i in range(10_000)]
    rows = [Representation(name, rng.normal(size=(10_000, 3)), ids) for name in "ab"]
    path = write_map(make_map(rows, {}), tmp_path / "map.html")
    with devtools.open(path) as page:
        until(page, "window.firstPaint > 0")
        assert page.run("window.firstPaint") < 5000
        took = page.run("""{
            const box = document.querySelector(".plot"), { left, top, width, height } = box.getBoundingClientRect();
            const frames = [];
            for (let k = 0; k < 60; k++) {
                const clientX = left + width * (0.1 + 0.8 * k / 60), clientY = top + height * (0.5 + 0.3 * Math.sin(k));
                box.dispatchEvent(new PointerEvent("pointermove", { clientX, clientY, pointerType: "mouse" }));
                const before = performance.now();
                await new Promise((done) => requestAnimationFrame(done));
                frames.push(performance.now() - before);
            }
            return frames.sort((a, b) => a - b)[30];
        }""")
        assert took < 100
        assert complaints(page) == []


def test_a_hovered_neighbour_is_outlined_in_every_column(devtools: DevTools, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    samples = load_dataset("mptrj", n=30).samples
    ids = [sample.id for sample in samples]
    x = rng.normal(size=(30, 4))
    rows = [Representation(name, x + noise * rng.normal(size=x.shape), ids) for name, noise in (("a", 0), ("b", 0.2))]
    result = find_neighbours(ids[0], rows, k=4)
    assert result.shared
    path = write_neighbours(result, {sample.id: sample for sample in samples}, tmp_path / "n.html")
    for width in (1280, 390):
        with devtools.open(path, width=width) as page:
            assert page.run("document.querySelectorAll('.sample svg').length") == 8
            assert page.run("document.documentElement.scrollWidth") == width
            x0, y0, wide, high = page.box(".sample:has(.mark)")
            page.move(x0 + wide / 2, y0 + high / 2)
            until(page, "document.querySelectorAll('.sample.at').length === 2")
            boxes = page.run("""[...document.querySelectorAll("ol")].map((one) => {
                const { left, right, top } = one.children[1].getBoundingClientRect();
                return { left, right, top };
            })""")
            if width > 640:  # the models are columns, and below that one stands under the other
                assert boxes[0]["top"] == boxes[1]["top"]
            else:
                assert boxes[0]["left"] == boxes[1]["left"]
            assert all(0 <= box["left"] < box["right"] <= width for box in boxes)
            assert page.console() == []


def test_a_contested_sample_is_marked_in_the_figure(devtools: DevTools, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    data = load_dataset("qm9", n=80)
    shared = rng.normal(size=(80, 3))
    rows = []
    for name in "abcd":
        own = np.where(np.arange(80)[:, None] < 3, rng.normal(size=(80, 3)), shared)
        rows.append(Representation(name, own @ rng.normal(size=(3, 6)) + 0.2 * rng.normal(size=(80, 6)), data.ids))
    result = contested(rows, k=8)
    samples = {one.id: one for one in data}
    path = write_contested(result, tmp_path / "contested.html", samples, number=5, explanation=["A sentence."])
    for width in (1280, 390):
        with devtools.open(path, width=width) as page:
            assert page.run("document.documentElement.scrollWidth") <= width
            assert page.run("document.querySelectorAll('.overview circle').length") == 80
            cards = page.run("[...document.querySelectorAll('figure bdi:first-child')].map((one) => one.textContent)")
            assert cards[:5] == [result.ids[int(i)] for i in result.contested[:5]]
            assert "A sentence." in page.run("document.body.innerText")
            x, y, wide, high = page.box("figure.sample")
            page.move(x + wide / 2, y + high / 2)
            until(page, "document.querySelectorAll('circle.at').length === 1")
            place = page.run("[...document.querySelectorAll('circle')].findIndex((one) => one.matches('.at'))")
            assert place == int(result.contested[0])
            assert complaints(page) == []


def test_a_row_of_samples() -> None:
    sample = Sample("a<b>", smiles="CCO")
    row = picture_row(
        [(Pictured("a<b>", sample), "0.91"), (Pictured("c"), "0.5")], label="Most <contested>", note="a & b"
    )
    assert row.count("<svg") == 1
    assert "a&lt;b&gt;" in row
    assert "Most &lt;contested&gt;" in row
    assert "not shown" in row
    assert "a &amp; b" in row
    assert picture_row([], label="none") == ""
    with pytest.raises(InputError, match="6 samples at most"):
        picture_row([(Pictured("c"), "0.5")] * 7, label="too many")


def test_a_token_is_shown_as_its_sample() -> None:
    sample = Sample("a", smiles="CCO")
    assert Pictured("a#40", sample, 40).svg == Pictured("a", sample).svg
    assert Pictured("a#1", sample, 1).svg != Pictured("a", sample).svg
