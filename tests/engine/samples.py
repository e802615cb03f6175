"""Shared inputs of the tests, with few different shapes, because each shape is compiled separately."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st

from .oracles.inputs import cases

N, D, K = 64, 12, 5  # as in the oracle case shared64

# Deterministic, so that no run fails by chance; all examples have the same shapes.
EXAMPLES = settings(max_examples=6, deadline=None, derandomize=True)
seeds = st.integers(0, 2**32 - 1)
scales = st.floats(-4, 4).map(lambda power: 10.0**power)


def views(seed: int, noise: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Draw two float64 views [N, D] of one latent, each a Gaussian linear map of it plus noise."""
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
    """The stored arrays that the values belong to; made anew, their last bits depend on the processor."""
    with np.load(Path(__file__).parent / "oracles" / "inputs.npz") as stored:
        return {case: (stored[f"{case}_X"], stored[f"{case}_Y"]) for case in cases()}


@functools.cache
def padded(case: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the inputs of an oracle case, padded to equal width with zero columns.

    These change no metric, and keep the number of shapes small.
    """
    x, y = oracle_inputs()[case]
    width = max(x.shape[1], y.shape[1])
    x, y = (np.pad(v, ((0, 0), (0, width - v.shape[1]))) for v in (x, y))
    return x, y


@functools.cache
def _values() -> dict[str, Any]:
    return json.loads((Path(__file__).parent / "oracles" / "values.json").read_text())


def oracle(name: str, case: str) -> float:
    """Return the value on which independent implementations agree."""
    return _values()["values"][name][case]["float64"]


def rounding(n: int, dtype: Any = np.float32) -> float:
    """Error that a score between 0 and 1 may have from rounding alone, where it is a ratio of sums over n rows."""
    return 4 * float(np.finfo(dtype).eps) * n**0.5


CASES = ("shared64", "null300", "wide40", "swiss500")  # dups100 has a separate test
SINGLE_CASES = ("shared64",)
# As parameters of a test. The two of many samples are for `make thorough`.
ALL_CASES = [
    pytest.param(case, marks=[pytest.mark.thorough] * (case in ("null300", "swiss500"))) for case in (*CASES, "dups100")
]


def unrelated() -> tuple[np.ndarray, np.ndarray]:
    """Draw two independent Gaussian matrices [64, 8192] with unit rows."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 8192)), rng.normal(size=(64, 8192))
    return x / np.linalg.norm(x, axis=1, keepdims=True), y / np.linalg.norm(y, axis=1, keepdims=True)
