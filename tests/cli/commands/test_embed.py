"""Extraction with real weights, killed in the middle and continued."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyle.zoo import Store, load, load_dataset

SAMPLES = 300
Run = Callable[..., Any]


@pytest.mark.models
def test_a_killed_extraction_loses_no_finished_shard(tmp_path: Path) -> None:
    pytest.importorskip("chgnet")
    command = [sys.executable, "-m", "hyle.cli", "embed", "chgnet-0.3.0", "-n", str(SAMPLES), "--store", str(tmp_path)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + 120
    while not finished_shards(tmp_path):
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    store = Store(tmp_path)
    assert list(store.list()) == []
    kept = finished_shards(tmp_path)
    inodes = {path: inode(path) for path in kept}

    again = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    seen = True
    while again.poll() is None:
        # Until the shards are merged and removed, they are the very folders that were there before.
        seen &= all(inode(path) in (inodes[path], None) for path in kept)
        time.sleep(0.05)
    assert again.returncode == 0, again.stderr.read() if again.stderr else ""
    assert seen, "a finished shard was written again"

    (entry,) = store.list()
    found = store.load(entry.key)
    assert found is not None
    data = load_dataset("qm9", n=SAMPLES)
    assert list(found.ids) == data.ids
    whole = load("chgnet-0.3.0").embed(data.samples[120:140])
    np.testing.assert_allclose(found.embedding[120:140], whole.embedding.numpy(), rtol=1e-4, atol=1e-6)


def inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def finished_shards(root: Path) -> list[Path]:
    """Shard folders under their final names: a folder is renamed only when it is complete."""
    return [path for path in root.glob("*/*/*/*/shards/*/*") if path.is_dir() and not path.name.startswith(".")]


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The module of a model of the user, which none of another test hides."""
    pytest.importorskip("torch")
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    return tmp_path / "mine.py"


def test_layers_of_a_custom_model_are_stored_and_compared_by_name(run: Run, mine: Path) -> None:
    mine.write_text(
        "import torch\n"
        "from hyle.zoo import Adapter, Output\n\n\n"
        "class Letters(Adapter):\n"
        "    view, layers, pooling = 'smiles', ('letters', 'length'), 'none'\n\n"
        "    def forward(self, samples, layer):\n"
        "        if layer == 'length':\n"
        "            return Output(torch.tensor([[float(len(s.smiles)), 1.0] for s in samples]))\n"
        "        return Output(torch.tensor([[float(s.smiles.count(c)) for c in 'CNO'] for s in samples]))\n"
    )

    store = ("--store", "store")
    done = run("embed", "mine:Letters", "--layers", "all", "-n", 40, *store)
    assert done.code == 0, done.err
    assert "mine:Letters@length" in done.err
    again = run("embed", "mine:Letters", "--layers", "letters,length", "-n", 40, *store)
    assert again.err.count("from the store") == 2
    done = run("compare", "mine:Letters@all", "--metrics", "cka", "--json", *store)
    assert done.code == 0, done.err
    assert '"mine:Letters@letters"' in done.out
    wrong = run("compare", "mine:Letters@last", "--metrics", "cka", *store)
    assert wrong.code == 2
    assert "has these layers: length, letters" in wrong.err
    assert run("embed", "mine:Letters", "--layers", "all", "--layer", "length", *store).code == 2


def test_unknown_tokens_are_reported(run: Run, mine: Path, tmp_path: Path) -> None:
    mine.write_text(
        "import torch\n"
        "from hyle.zoo import Adapter, Output\n\n\n"
        "class Letters(Adapter):\n"
        "    view, layers, pooling, unknown_tokens = 'smiles', ('only',), 'none', 0\n\n"
        "    def forward(self, samples, layer):\n"
        "        self.unknown_tokens += sum(s.smiles.count('[Og]') for s in samples)\n"
        "        return Output(torch.tensor([[float(len(s.smiles))] for s in samples]))\n"
    )
    (tmp_path / "a.smi").write_text("C\nC[Og]\n[Og][Og]\n")
    # In a process of its own, which finds the module in its folder.
    command = [sys.executable, "-m", "hyle.cli", "embed", "mine:Letters", "--dataset", "a.smi", "--store", "store"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "mine:Letters: 3 tokens are not in its vocabulary" in done.stderr
    again = run(*command[3:])
    assert again.code == 0, again.err
    assert "vocabulary" not in again.err
