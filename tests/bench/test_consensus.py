"""The planted panels of `bench.consensus`, and its table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench import consensus


def test_planted_ranks_and_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    panels = {"none": consensus.Panel(0, families=2, n=40), "two": consensus.Panel(2, n=60)}
    monkeypatch.setattr(consensus, "PANELS", panels)
    monkeypatch.setattr(consensus, "RESULTS", tmp_path / "consensus.json")
    ran = CliRunner().invoke(consensus.main, ["--sets", "10", "--permutations", "19"])
    assert ran.exit_code == 0, ran.output
    none, two = json.loads((tmp_path / "consensus.json").read_text())["rows"]
    assert none["right"] >= 0.6
    assert two["right"] >= 0.6
    assert two["too_few"] == 0
    text = (tmp_path / "consensus.md").read_text()
    assert "| none |" in text
    assert "Share of 10 planted panels" in text
