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
