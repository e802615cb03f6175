"""`hyle run`, from the command line to its report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hyle.cli.jobs import choose_panel
from hyle.zoo import find_dataset

Run = Callable[..., Any]


def test_controls_from_start_to_end(run: Run, tmp_path: Path) -> None:
    """Run the models that need no weights; a second run loads all of them from the store."""
    arguments = ("run", "--models", "morgan,composition", "-n", 80, "-k", 10, "-o", "out")
    first = run(*arguments)
    assert first.code == 0, first.err
    assert "from the store" not in first.err
    assert first.out == "On 80 molecules only controls were compared.\n"
    page = Path("out/report.html").read_text("utf-8")
    assert all(name in page for name in ("morgan", "composition", "random"))
    second = run(*arguments)
    assert second.err.count("from the store") == second.err.count(" x ") >= 3
    compared = run("compare", "morgan", "random", "--metrics", "cka", "--json").json
    assert abs(compared["results"][0]["value"]) < 0.1


def test_a_run_includes_the_controls_that_can_read_the_data() -> None:
    chosen = [card.name for card in choose_panel(["chgnet-0.3.0"], find_dataset("alexandria"))]
    assert chosen[0] == "chgnet-0.3.0"
    assert {"composition", "random"} <= set(chosen)
    assert "morgan" not in chosen


def test_the_default_k_fits_few_samples_and_the_result_is_json(run: Run) -> None:
    ran = run("run", "--models", "morgan,composition", "-n", 20, "-o", "out", "--json")
    assert ran.code == 0, ran.err
    assert "k = 10 instead of 25 neighbours, since there are only 20 samples" in ran.err
    found = ran.json
    assert (found["n"], found["k"]) == (20, 10)
    assert all(Path(path).exists() for path in found["files"].values())
    report = run("report", found["files"]["comparison"], "-o", "again", "--json")
    assert report.json["headline"] == found["headline"]
    assert found["headline"] in Path("out/report.html").read_text("utf-8")
    assert Path(report.json["files"]["scores"]) == Path("again/comparison.csv")


def test_a_wrong_name_is_reported_before_k(mistake: Callable[..., str]) -> None:
    assert "no model is called 'nonsense'" in mistake("run", "--models", "morgan,nonsense", "-n", 20, "-k", 30)
    assert "-k 30 is too many for 20 samples" in mistake("run", "--models", "morgan", "-n", 20, "-k", 30)
