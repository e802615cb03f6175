"""`hyle embed --workers` and `--ray`: output, mistakes, errors and interrupts."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.zoo.fleet.model import MINE, alive, dataset, lines, pids, wait_for

Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def mine(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.delitem(sys.modules, "mine", raising=False)


def test_workers_print_and_store_what_one_process_does(run: Run) -> None:
    serial = run("embed", "mine:Mine", "--layers", "all", "-n", 60, "--json", "--store", "serial")
    workers = run("embed", "mine:Mine", "--layers", "all", "-n", 60, "--json", "--store", "workers", "--workers", 2)
    assert serial.code == workers.code == 0
    assert workers.json == serial.json
    again = run("embed", "mine:Mine", "-n", 60, "--store", "workers", "--workers", 2, "-o", "rows.npz")
    assert "from the store" in again.err
    assert np.load("rows.npz")["embedding"].shape == tuple(serial.json[0]["shape"])


def test_mistakes(mistake: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    embed = ("embed", "mine:Mine", "-n", 60)
    assert "0 is not in the range x>=1" in mistake(*embed, "--workers", 0)
    assert "give --shard, or --workers or --ray" in mistake(*embed, "--workers", 2, "--shard", "1/2")
    assert "give --shard, or --workers or --ray" in mistake(*embed, "--ray", "auto", "--shard", "1/2")
    monkeypatch.setitem(sys.modules, "ray", None)
    assert "--ray auto needs ray, which is not installed: pip install" in mistake(*embed, "--ray", "auto")
    assert not pids("loaded")


def test_mistakes_with_ray(mistake: Callable[..., str]) -> None:
    pytest.importorskip("ray")
    embed = ("embed", "mine:Mine", "-n", 60)
    assert "use --device cuda instead of cuda:1" in mistake(*embed, "--ray", "local", "--device", "cuda:1")
    assert "--ray head is not auto, local" in mistake(*embed, "--ray", "head")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
    assert f"no Ray cluster answers at {address}: Connection refused" in mistake(*embed, "--ray", address)


def test_an_error_of_the_model_is_the_line_of_one_process(mistake: Callable[..., str]) -> None:
    Path(f"raise-{dataset(60).ids[40]}").touch()
    serial = mistake("embed", "mine:Mine", "-n", 60)
    assert mistake("embed", "mine:Mine", "-n", 60, "--workers", 2) == serial
    assert serial.endswith("in forward); to see the traceback, set HYLE_DEBUG=1")


def test_an_error_while_the_model_is_loaded_is_the_line_of_one_process(mistake: Callable[..., str]) -> None:
    code = Path("mine.py").read_text()
    Path("mine.py").write_text(code.replace('log("loaded", os.getpid())', "self.weights = files['weights']"))
    serial = mistake("embed", "mine:Mine", "-n", 60)
    assert mistake("embed", "mine:Mine", "-n", 60, "--workers", 2) == serial
    assert "KeyError: 'weights' (mine.py:" in serial


def test_a_device_that_torch_cannot_use_is_the_line_of_one_process(mistake: Callable[..., str]) -> None:
    pytest.importorskip("torch")
    serial = mistake("embed", "aimnet2", "-n", 5, "--device", "nowhere")
    assert mistake("embed", "aimnet2", "-n", 5, "--device", "nowhere", "--workers", 2) == serial


def test_hyle_debug_shows_the_traceback_of_the_worker(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(f"raise-{dataset(60).ids[40]}").touch()
    monkeypatch.setenv("HYLE_DEBUG", "1")
    ran = run("embed", "mine:Mine", "-n", 60, "--workers", 2)
    assert ran.code == 2
    assert 'raise ValueError("cannot be embedded")' in ran.err


def test_unknown_tokens_of_all_workers_are_counted(run: Run) -> None:
    Path("a.smi").write_text("C\nC[Og]\n[Og][Og]\n")
    code = Path("mine.py").read_text()
    count = "self.unknown_tokens = getattr(self, 'unknown_tokens', 0) + sum(s.smiles.count('[Og]') for s in samples)"
    Path("mine.py").write_text(code.replace("layer):\n", f"layer):\n        {count}\n", 1))
    ran = run("embed", "mine:Mine", "--dataset", "a.smi", "--workers", 3)
    assert ran.code == 0
    assert ran.err.count("mine:Mine: 3 tokens are not in its vocabulary") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize("as_json", [pytest.param(False, marks=pytest.mark.thorough), True])
def test_an_interrupt_ends_all_workers_and_keeps_what_is_stored(run: Run, tmp_path: Path, as_json: bool) -> None:
    data = dataset(300)
    # The last of three shards.
    Path(f"wait-{data.ids[290]}").touch()
    Path("child").touch()
    command = [sys.executable, "-m", "hyle.cli", "embed", "mine:Mine", "-n", "300", "--workers", "2"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [*command, *(["--json"] if as_json else [])],
        env={**os.environ, "HYLE_STORE": str(tmp_path / "store")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    signal.signal(signal.SIGINT, before)
    shards = "*/*/*/*/shards/*/*/commit_success.txt"
    wait_for(lambda: any(data.ids[290] in line for line in lines("seen")))
    wait_for(lambda: len(list((tmp_path / "store").glob(shards))) == 2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[1:] == ["interrupted; embeddings so far are stored, and the same command continues"]
    assert ('"type": "Interrupted"' in out) == as_json
    assert not alive(pids("seen") | pids("children"))
    Path(f"wait-{data.ids[290]}").unlink()
    Path("seen").unlink()
    done = run(*command[3:])
    assert done.code == 0, done.err
    assert {i for line in lines("seen") for i in line.split()[1:]} <= set(data.ids[256:])
