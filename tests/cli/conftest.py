"""A synthetic Comparison, two files of embeddings, and the command line run in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import xarray as xr

from hyle.cli import main

from .synthetic import build


@pytest.fixture(scope="session")
def make_comparison() -> Callable[..., xr.Dataset]:
    return build


@pytest.fixture
def comparison() -> xr.Dataset:
    return build()


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.setenv("HYLE_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Ran:
        monkeypatch.setattr("sys.argv", ["hyle", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return call


@pytest.fixture
def mistake(run: Run) -> Callable[..., str]:
    """Run a command that must fail, and return its one line."""

    def call(*arguments: object) -> str:
        ran = run(*arguments)
        lines = [line for line in ran.err.splitlines() if line.startswith("Error:")]
        assert ran.code == 2
        assert len(lines) == 1
        assert ran.out == ""
        assert "Traceback" not in ran.err
        return lines[0]

    return call


@pytest.fixture
def pair(tmp_path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Two views of one latent, 60 samples, as a.npz and b.npz; b has its rows in another order."""
    generator = np.random.default_rng(0)
    z = generator.normal(size=(60, 4))
    x, y = (np.tanh(z @ generator.normal(size=(4, d))).astype("float32") for d in (8, 12))
    ids = np.array([f"m{i:02d}" for i in range(60)])
    order = generator.permutation(60)
    np.savez(tmp_path / "a.npz", embedding=x, ids=ids)
    np.savez(tmp_path / "b.npz", embedding=y[order], ids=ids[order])
    return x, y
