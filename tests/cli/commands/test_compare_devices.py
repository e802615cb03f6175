"""`hyle compare` on devices and processes, and continued from a checkpoint."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

N = 120
Run = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    common = generator.normal(size=(N, 5))
    for name, d in (("a", 20), ("b", 40), ("c", 70)):
        rows = common @ generator.normal(size=(5, d)) + generator.normal(size=(N, d))
        np.savez(tmp_path / f"{name}.npz", embedding=rows.astype(np.float32), ids=[f"s{i}" for i in range(N)])
    return tmp_path


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "hyle", "compare", "a.npz", "b.npz", "c.npz", "-k", "5", *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return output, errors


def scores(output: str) -> list[Any]:
    return [[value for value in row.values() if isinstance(value, float)] for row in json.loads(output)["results"]]


def test_two_processes_print_what_one_does(folder: Path, run: Run) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        coordinator = f"127.0.0.1:{server.getsockname()[1]}"
    options = ["--coordinator", coordinator, "--processes", "2", "--json"]
    both = [start(folder, *options, "--rank", str(rank), "-o", f"{rank}.json") for rank in range(2)]
    first, second = map(ended, both)
    alone = run("compare", "a.npz", "b.npz", "c.npz", "-k", 5, "--json").out
    assert len(scores(first[0])) == len(scores(alone)) > 5
    for one, other in zip(scores(first[0]), scores(alone), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    assert second[0] == ""
    assert "joined" not in second[1]
    assert [path.name for path in sorted(folder.glob("*.json"))] == ["0.json"]


@pytest.mark.thorough
def test_a_checkpoint_is_kept_until_the_result_is_printed(folder: Path) -> None:
    whole, _ = ended(start(folder, "--json"))
    process = start(folder, "--json", "--checkpoint", "saved", "--permutations", "400")
    until = time.monotonic() + 120
    while not list(folder.glob("saved/*/*")) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert list(folder.glob("saved/*/*"))
    (folder / "saved" / "mine.txt").write_text("not hyle's", "utf-8")
    output, _ = ended(start(folder, "--json", "--checkpoint", "saved"))
    assert scores(output) == scores(whole)
    # What the user has in it stays, and so do the results of the other command.
    assert (folder / "saved" / "mine.txt").exists()
    ended(start(folder, "--json", "--checkpoint", "saved", "--permutations", "400"))
    assert [path.name for path in (folder / "saved").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rank", "0"], "--coordinator and --processes missing"),
        (["--devices", "99"], "devices=99, but JAX has "),
        (["--devices", "few"], "'few' is neither a number of devices nor all nor cluster"),
        (["--checkpoint", "a.npz"], "Directory 'a.npz' is a file"),
        (
            ["--coordinator", "localhost:1", "--processes", "2", "--rank", "0", "--devices", "2"],
            "several processes use all of their devices; omit --devices",
        ),
    ],
)
def test_mistakes_are_one_line(folder: Path, mistake: Run, options: list[str], message: str) -> None:
    assert message in mistake("compare", "a.npz", "b.npz", "c.npz", "-k", 5, *options)


def test_where_there_is_no_cluster_one_line_says_so(folder: Path) -> None:
    process = start(folder, "--devices", "cluster")
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "JAX finds no cluster here" in " ".join(errors.split())
    assert "Traceback" not in errors
    assert not output
