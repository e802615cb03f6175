"""Inputs that the tests share: few shapes, since every shape is compiled anew."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from .oracles.inputs import cases

N, D, K = 64, 12, 5  # as the oracle case shared64

# Deterministic, so that a run does not fail by the luck of the draw; every example has the same shapes.
EXAMPLES = settings(max_examples=6, deadline=None, derandomize=True)
seeds = st.integers(0, 2**32 - 1)
scales = st.floats(-4, 4).map(lambda power: 10.0**power)


def views(seed: int, noise: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Two float64 views [N, D] of one latent, as a Gaussian map of it and noise."""
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(N, 4))
    x, y = (latent @ rng.normal(size=(4, D)) + noise * rng.normal(size=(N, D)) for _ in range(2))
    return x, y


def rotation(d: int, seed: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))[0]


def single(x: Any) -> np.ndarray:
    return np.asarray(x, np.float32)


@functools.cache
def oracle_inputs() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return cases()


@functools.cache
def padded(case: str) -> tuple[np.ndarray, np.ndarray]:
    """The inputs of one oracle case with columns of zeros up to one width, which change no metric: fewer shapes."""
    x, y = oracle_inputs()[case]
    width = max(x.shape[1], y.shape[1])
    x, y = (np.pad(v, ((0, 0), (0, width - v.shape[1]))) for v in (x, y))
    return x, y


@functools.cache
def _values() -> dict[str, Any]:
    return json.loads((Path(__file__).parent / "oracles" / "values.json").read_text())


def oracle(name: str, case: str) -> float:
    """The value on which independent implementations agree."""
    return _values()["values"][name][case]["float64"]


def input_hashes() -> dict[str, str]:
    return _values()["inputs_sha256"]


CASES = ("shared64", "null300", "wide40", "swiss500")  # dups100 has a test of its own
SINGLE_CASES = ("shared64",)


def unrelated() -> tuple[np.ndarray, np.ndarray]:
    """Two independent Gaussian matrices [64, 8192] of unit rows."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 8192)), rng.normal(size=(64, 8192))
    return x / np.linalg.norm(x, axis=1, keepdims=True), y / np.linalg.norm(y, axis=1, keepdims=True)
