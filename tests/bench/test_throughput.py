"""The benchmark of the adapters: one model from end to end, and the table with skipped models."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.results import Results, load
from bench.throughput import CASES, main, table
from hyle.zoo import find_card


@pytest.mark.parametrize("name", CASES)
def test_a_case_is_a_model_of_the_zoo_that_stands_in_the_panel(name: str) -> None:
    assert find_card(name).default


@pytest.mark.models
def test_an_adapter_is_measured_beside_its_library_and_gives_its_rows(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    out = tmp_path / "throughput.json"
    done = CliRunner().invoke(main, ["aimnet2", "-n", "16", "--out", str(out)])
    assert done.exit_code == 0, done.output
    (row,) = load(out).measurements
    assert "skipped" not in row, row
    assert row["n"] == 16
    assert row["difference"] < 1e-5
    assert row["ratio"] == pytest.approx(row["library_per_s"] / row["hyle_per_s"])
    assert "| aimnet2 |" in out.with_suffix(".md").read_text()


def test_what_could_not_be_measured_stands_in_the_table_with_its_reason() -> None:
    facts = {"cpu": "a", "cores": 2, "python": "3", "date": "today", "commit": "0"}
    text = table(Results(facts, measurements=[{"model": "chgnet-0.3.0", "skipped": "no chgnet here"}]))
    assert "| chgnet-0.3.0 | skipped: no chgnet here |" in text
