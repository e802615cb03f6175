from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyle.engine import _median, _rows
from hyle.engine._kernels import hsic
from hyle.engine._median import _counted, median_distance

from . import definitions
from .samples import EXAMPLES, D, N, scales, seeds, single, views


@pytest.mark.parametrize("debiased", [True, False])
@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_hsic_of_every_pair_is_the_definition(kernel, debiased):
    arrays = [single(v + 50) for seed in (0, 1) for v in views(seed)][:3]
    sigmas = [jnp.float32(2.0)] * 3
    values = np.asarray(hsic(arrays, sigmas, kernel=kernel, debiased=debiased))
    definition = definitions.unbiased_hsic if debiased else definitions.biased_hsic
    kernels = [definitions.kernel_matrix(x, kernel, 2.0) for x in arrays]
    expected = np.array([[definition(k, l) for l in kernels] for k in kernels])  # noqa: E741
    if kernel == "linear":  # of rows divided by powers of two
        powers = values.diagonal() / expected.diagonal()
        np.testing.assert_allclose(np.log2(powers), np.log2(powers).round(), atol=1e-4)
        expected *= np.sqrt(np.outer(powers, powers))
    np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-7)


def test_block_size_changes_no_hsic(monkeypatch):
    arrays = [jnp.asarray(single(v)) for v in views(2)]
    sigmas = [jnp.float32(2.0)] * 2
    whole = hsic(arrays, sigmas, kernel="rbf")
    monkeypatch.setattr(_rows, "BLOCK_ELEMENTS", 10 * 2 * N)  # 10 rows: the last block is cut
    hsic.clear_cache()
    blocks = hsic(arrays, sigmas, kernel="rbf")
    hsic.clear_cache()
    np.testing.assert_allclose(blocks, whole, rtol=1e-5)


@EXAMPLES
@given(seed=seeds, scale=scales, offset=st.floats(-100, 100), repeats=st.integers(0, 40))
def test_median_is_that_of_the_nonzero_distances(seed, scale, offset, repeats):
    x, _ = views(seed)
    if repeats:
        x[:repeats] = x[-1]  # odd and even numbers of non-zero distances
    x = single((x + offset * x.std()) * scale)
    assert float(median_distance(x)) == pytest.approx(definitions.median_nonzero_distance(x), rel=2e-5)


@pytest.mark.parametrize("points", [[0, 0, 1, 3], [0, 1, 3, 7], [0, 0, 0, 5], [2, 2, 9, 9], [0, 0.05, 5, 9]])
def test_median_of_few_is_exact(points):
    # Five distances have a middle, six do not, and zero does not count.
    x = np.zeros((len(points), 1))
    x[:, 0] = points
    assert float(median_distance(single(x))) == pytest.approx(definitions.median_nonzero_distance(x), rel=1e-6)


def test_median_in_float64(float64):
    x, _ = views(3)
    assert float(median_distance(jnp.asarray(x))) == pytest.approx(definitions.median_nonzero_distance(x), rel=1e-14)


def test_median_is_the_same_where_distances_are_not_kept(monkeypatch):
    inputs = [single(views(seed)[0]) for seed in range(3)]
    inputs[2][:9] = inputs[2][9]
    kept = [float(_counted(x)) for x in inputs]
    monkeypatch.setattr(_median, "KEPT_DISTANCES", 0)
    monkeypatch.setattr(_rows, "BLOCK_ELEMENTS", 10 * N)
    _counted.clear_cache()
    again = [float(_counted(x)) for x in inputs]
    _counted.clear_cache()
    np.testing.assert_allclose(again, kept, rtol=1e-6)
    np.testing.assert_allclose([float(median_distance(x)) for x in inputs], kept, rtol=1e-6)


def test_median_of_no_distances_is_infinite():
    assert float(median_distance(jnp.full((N, D), 3.3))) == np.inf


def test_median_under_vmap():
    xs = single(np.stack([views(seed)[0] for seed in range(3)]))
    np.testing.assert_allclose(jax.vmap(median_distance)(xs), [float(median_distance(x)) for x in xs], rtol=1e-6)
