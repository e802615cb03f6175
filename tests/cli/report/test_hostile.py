"""Names and texts that come from files stay text in every page: no script runs, and the names are shown."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from hyle.cli import report
from hyle.cli.analyses import AnalysisInput, run_analyses
from hyle.cli.benchmark.render import render_card
from hyle.cli.figures import emergence_curves, specification
from hyle.cli.leaderboard import Card, render_site
from hyle.engine import History

from ..devtools import DevTools, Page
from ..leaderboard.planted import make_card
from ..leaderboard.test_site import hostile_cards
from .panels import HOSTILE, rich, two

# Elements and attributes that only a name could have made.
INJECTED = """{
    const bad = [...document.querySelectorAll("img, video, iframe, object, embed, base, link:not([rel=icon])")];
    const handlers = [...document.querySelectorAll("*")].filter((one) =>
        [...one.attributes].some(({ name, value }) => name.startsWith("on")
            || (name === "href" && /^\\s*javascript:/i.test(value))));
    const scripts = [...document.scripts].filter((one) => one.textContent.startsWith("window.hurt"));
    return [bad, handlers, scripts].map((found) => found.map((one) => one.outerHTML.slice(0, 120)));
}"""
POINT = """{
    for (const mark of [...document.querySelectorAll("[data-t], .matrix, [data-map]")].slice(0, 200)) {
        const { x, y, width, height } = mark.getBoundingClientRect();
        const at = { bubbles: true, clientX: x + width / 2, clientY: y + height / 2 };
        for (const kind of ["pointerover", "pointermove"]) mark.dispatchEvent(new PointerEvent(kind, at));
    }
    for (const control of document.querySelectorAll("select")) {
        for (const option of control.options) {
            control.value = option.value;
            control.dispatchEvent(new Event("change", { bubbles: true }));
        }
    }
    await new Promise((done) => setTimeout(done, 200));
}"""


def check(page: Page, *, forgiven: str = "\0") -> None:
    """Use the page, then assert that nothing of a name ran or became an element."""
    page.run(POINT)
    assert page.run("window.hurt === undefined && document.title !== 'hurt'")
    assert page.run(INJECTED) == [[], [], []]
    assert [line for line in page.console() if forgiven not in line] == []


def poisoned(names: list[str]) -> xr.Dataset:
    """Return 12 models whose names and every text of whose file are hostile."""
    data = rich(names)
    texts = [names[(i + 1) % len(names)] for i in range(len(names))]
    for key in ("family", "training_data", "licence", "layer", "pooling"):
        data = data.assign_coords({key: ("model", texts)})
    data["modality"] = ("model", ["atoms", names[0], "graph", names[1]] * 3)
    for variable in data.data_vars.values():
        if "long_name" in variable.attrs:
            variable.attrs |= {key: names[0] + str(variable.attrs[key]) for key in ("long_name", "estimator")}
            variable.attrs |= {
                "citation": f"{names[1]} 2020, arXiv:2001.00001",
                "meaning": names[7],
                "kernel": names[4],
            }
    recipe = {name: {"model": name, names[1]: names[0], "weights": names[7]} for name in names}
    data.attrs |= {key: names[i] for i, key in enumerate(("title", "dataset", "domain", "join_warning", "created"))}
    data.attrs |= {"recipe": json.dumps(recipe), "versions": json.dumps({names[0]: names[1]}), "repeats": names[7]}
    return data


@pytest.fixture(scope="module")
def embeddings() -> tuple[list[str], dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    ids = [HOSTILE[i % 12] + str(i) for i in range(40)]
    return ids, {name: rng.normal(size=(40, 3)) for name in HOSTILE}


def test_the_report_of_hostile_names(
    devtools: DevTools, tmp_path: Path, embeddings: tuple[list[str], dict[str, np.ndarray]]
) -> None:
    comparison, path = poisoned(HOSTILE), tmp_path / "report.html"
    names = ["factors", "dimension", "collapse", "scale", "map"]
    results = run_analyses(AnalysisInput(comparison, "cknna", ids=embeddings[0], embeddings=embeddings[1]), names)
    report.write_report(comparison, path, results)
    for width in (1280, 390):
        with devtools.open(path, width=width) as page:
            check(page)
            assert page.run("document.documentElement.scrollWidth") <= width
            shown = page.run("[...document.querySelectorAll('.models tbody th bdi')].map((one) => one.textContent)")
            assert sorted(name.removesuffix(" †") for name in shown) == sorted(HOSTILE)
            assert page.run("JSON.parse(document.getElementById('data').textContent).models.length") == 12
            for name in HOSTILE:
                assert page.run("document.querySelector('#pair-table').textContent").count(name) >= 11


def test_the_report_of_two_hostile_names(devtools: DevTools, tmp_path: Path) -> None:
    path = tmp_path / "two.html"
    report.write_report(two((HOSTILE[0], HOSTILE[1])), path)
    with devtools.open(path) as page:
        check(page)
        assert page.run("document.querySelector('#alignment').textContent") == f"{HOSTILE[0]} and {HOSTILE[1]}"


def test_the_history_of_hostile_names(devtools: DevTools, tmp_path: Path) -> None:
    history = History({"k": 10, "note": HOSTILE[0], HOSTILE[7]: HOSTILE[1]})
    for step in (0, 100, 200):
        history.add(step, {"cka": dict.fromkeys(HOSTILE, step / 400), "loss " + HOSTILE[0]: 1.0}, loss=1.0)
    data, path = history.dataset(), tmp_path / "history.html"
    path.write_text(report.render_history(data, specification(emergence_curves(data))), encoding="utf-8")
    with devtools.open(path) as page:
        check(page)
        tips = page.run("[...document.querySelectorAll('[data-t]')].map((one) => one.dataset.t).join('\\n')")
        assert HOSTILE[0] in tips
        assert HOSTILE[1] in page.run("document.querySelector('main').textContent")


def test_the_benchmark_of_hostile_names(devtools: DevTools, tmp_path: Path) -> None:
    card = make_card(HOSTILE[0], "materials")
    card |= {"family": HOSTILE[1], "modality": HOSTILE[7], "ood_missing_reason": HOSTILE[1]}
    del card["sets"]["out"]
    card["diagnosis"]["calibration"] |= {"panels": 200, "reported": 0.5, "se": 0.02}
    inside = card["sets"]["in"]
    inside["panel"]["models"] = {HOSTILE[i % 12]: one for i, one in enumerate(inside["panel"]["models"].values())}
    for i, one in enumerate(inside["relatives"]):
        one["model"] = HOSTILE[i]
    inside["dataset"] = HOSTILE[1]
    card["recipe"]["in"][HOSTILE[7]] = HOSTILE[0]
    path = tmp_path / "benchmark.html"
    path.write_text(render_card(card), encoding="utf-8")
    with devtools.open(path) as page:
        page.run("{ await new Promise((done) => setTimeout(done, 800)); }")
        check(page)
        assert page.run("document.querySelector('h1').textContent") == HOSTILE[0]
        assert page.run("document.querySelectorAll('.chart svg').length") > 0


def test_the_leaderboard_of_hostile_names(devtools: DevTools, tmp_path: Path) -> None:
    cards = hostile_cards()
    for i, card in enumerate(cards[:12]):
        card.data["model"] = HOSTILE[i]
    pages = render_site([Card(Path(f"{i}.json"), card.data) for i, card in enumerate(cards)])
    models = [name for name in pages if name != "index.html"][:2]
    for i, name in enumerate(["index.html", *models]):
        path = tmp_path / f"{i}.html"
        path.write_text(pages[name], encoding="utf-8")
        with devtools.open(path) as page:
            page.run("{ await new Promise((done) => setTimeout(done, 800)); }")
            check(page)
