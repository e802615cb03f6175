"""Tables and bars in a terminal."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from hyle.cli.console import progress_bar


def test_the_progress_bar_shows_stage_and_remaining_time(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, now = io.StringIO(), [0.0]
    console = Console(file=screen, force_terminal=True, width=120, color_system=None, get_time=lambda: now[0])
    monkeypatch.setattr("hyle.cli.console.progress_console", lambda: console)
    monkeypatch.setattr("hyle.cli.console.has_terminal", lambda: True)
    with progress_bar("comparing") as update:
        for second in range(1, 6):
            now[0] = float(second)
            update(second / 10, "all pairs of samples")
    last = re.split(r"\r|\n", screen.getvalue())
    line = next(line for line in reversed(last) if "50%" in line)
    assert "comparing" in line
    assert "all pairs of samples" in line
    assert "0:00:05" in line


def test_a_closed_pipe_ends_the_command_quietly(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "hyle.cli", "models"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "HYLE_MODELS": str(tmp_path)},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    # Not by the signal, which would also end it where a pipe of a library closes early.
    assert process.wait() == 1
