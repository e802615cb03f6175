"""`hyle envs remove`: what is deleted is shown first, with its size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

Run = Callable[..., Any]


@pytest.fixture
def environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HYLE_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "cache" / "envs"
    for name, size in (("aaaa1111", 3_000_000), ("bbbb2222", 1_000_000)):
        (folder / name).mkdir(parents=True)
        (folder / name / "library").write_bytes(bytes(size))
    return folder


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


def test_all_are_removed_only_after_a_question(
    run: Run, mistake: Callable[..., str], environments: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = mistake("envs", "remove", "--all")
    assert line == "Error: --all removes 2 environments, 4 MB: to do so without a question, add --yes"
    assert left(environments) == ["aaaa1111", "bbbb2222"]
    asked: list[str] = []

    def answer(question: str, **_: Any) -> bool:
        asked.append(question)
        return len(asked) > 1

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(click, "confirm", answer)
    ran = run("envs", "remove", "--all")
    assert asked == ["remove 2 environments, 4 MB?"]
    assert "aaaa1111       3 MB" in ran.err
    assert "nothing was removed" in ran.err
    assert left(environments) == ["aaaa1111", "bbbb2222"]
    assert run("envs", "remove", "--all").code == 0
    assert left(environments) == []


def test_yes_asks_nothing(run: Run, environments: Path) -> None:
    ran = run("envs", "remove", "--all", "--yes")
    assert f"removed {environments / 'aaaa1111'} (3 MB)" in ran.err
    assert left(environments) == []
    assert "there are no environments" in run("envs", "remove", "--all").err


def test_unknown_names_are_one_line(run: Run, mistake: Callable[..., str], environments: Path) -> None:
    assert "'aaaa1112'; did you mean 'aaaa1111'?" in mistake("envs", "remove", "aaaa1112")
    assert "no environment and no model is called 'nosuchmodel'." in mistake("envs", "remove", "nosuchmodel")
    assert "so3lr has no environment" in mistake("envs", "remove", "so3lr")
    assert run("envs", "remove", "aaaa1111").code == 0
    assert left(environments) == ["bbbb2222"]
