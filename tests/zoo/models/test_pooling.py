"""Pooling against plain NumPy, sample by sample."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from hyle.zoo import pool  # noqa: E402


def plain(rows: np.ndarray, pooling: str) -> np.ndarray:
    mean = rows.mean(0)
    centred = rows - mean
    second, third, fourth = ((centred**p).mean(0) for p in (2, 3, 4))
    cumulants = [mean, second, third, fourth - 3 * second**2]
    return {"mean": mean, "sum": rows.sum(0)}.get(
        pooling, np.concatenate(cumulants[: int(pooling[-2])] if pooling[-1] == ")" else [mean])
    )


@settings(deadline=None)
@given(
    counts=st.lists(st.integers(1, 7), min_size=1, max_size=6),
    pooling=st.sampled_from(["mean", "sum", "cumulants(1)", "cumulants(2)", "cumulants(3)", "cumulants(4)"]),
    seed=st.integers(0, 99),
)
def test_equals_the_definition_for_every_sample(counts: list[int], pooling: str, seed: int) -> None:
    features = np.random.default_rng(seed).normal(size=(sum(counts), 3))
    pooled = pool(torch.tensor(features), counts, pooling).numpy()
    edges = np.cumsum([0, *counts])
    expected = [plain(features[a:b], pooling) for a, b in pairwise(edges)]
    np.testing.assert_allclose(pooled, expected, rtol=1e-12, atol=1e-12)


def test_float32_results_do_not_depend_on_the_order_of_atoms() -> None:
    generator = np.random.default_rng(0)
    features = (1e4 * generator.normal(size=(500, 8))).astype("float32")
    once = pool(torch.tensor(features), [500], "mean")
    again = pool(torch.tensor(features[generator.permutation(500)]), [500], "mean")
    assert once.dtype == torch.float32
    assert torch.equal(once, again)


@pytest.mark.parametrize(
    ("counts", "pooling"), [([2, 2], "mean"), ([3, 0], "mean"), ([3], "median"), ([3], "cumulants(5)")]
)
def test_mismatched_shapes_raise(counts: list[int], pooling: str) -> None:
    with pytest.raises(ValueError, match=r"counts|unknown pooling"):
        pool(torch.zeros(3, 2), counts, pooling)
