"""The CPU time of new processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench import first_number


def test_cpu_seconds_are_those_of_the_process(tmp_path: Path) -> None:
    idle = first_number.cpu_seconds(("python", "-c", "import time; time.sleep(0.5)"), tmp_path, tmp_path)
    busy = "import time\nwhile time.process_time() < 1: pass"
    assert idle < 0.5 < 1 <= first_number.cpu_seconds(("python", "-c", busy), tmp_path, tmp_path) < 3
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        first_number.cpu_seconds(("python", "-c", "1 / 0"), tmp_path, tmp_path)


def test_rows_and_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_number, "FOLDER", tmp_path)
    monkeypatch.setattr(first_number, "BASELINE", ("python", "-c", "sum(range(10**7))"))
    short = ("python", "-c", "pass")
    cases = [
        first_number.Case("short", short, 1000),
        first_number.Case("too long", short, 1e-6, cold=True),
        first_number.Case("fails", ("python", "-c", "1 / 0"), 1),
    ]
    monkeypatch.setattr(first_number, "cases", lambda: cases)
    monkeypatch.setattr(first_number, "write_inputs", lambda folder: None)
    ran = CliRunner().invoke(first_number.main, ["--repeats", "1"])
    assert ran.exit_code == 1
    assert "ZeroDivisionError" in ran.output
    rows = json.loads((tmp_path / "first_number.json").read_text())["measurements"]
    assert [row["target"] for row in rows] == [None, 1000, 1e-6, 1]
    assert all(row["ratio"] == pytest.approx(row["seconds"] / rows[0]["seconds"]) for row in rows[:3])
    table = [line for line in (tmp_path / "first_number.md").read_text().splitlines() if line.startswith("| ")]
    assert [line.rsplit("| ", 1)[1] for line in table] == ["met |", " |", "yes |", "no |", "no |"]
    assert CliRunner().invoke(first_number.main, ["--only", "nothing of this name"]).exit_code == 2


def test_every_command_exists() -> None:
    folder = Path(first_number.__file__).parents[1] / "cli" / "commands"
    for case in first_number.cases():
        if case.command[0] == "hyle" and not case.command[1].startswith("-"):
            assert (folder / f"{case.command[1]}.py").is_file(), case.name
