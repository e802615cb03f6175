from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from hyle.engine.base import gaussian
from hyle.engine.base import rows as rows_module
from hyle.engine.gram import kernels as kernels_module
from hyle.engine.gram.hsic import compiled_hsic, hsic
from hyle.engine.gram.kernels import kernel_products
from hyle.engine.gram.kernels_numpy import kernel_products_numpy
from hyle.engine.gram.prepared import prepare, stacked

from .. import definitions
from ..samples import N, single, views


@pytest.mark.parametrize("sigma", [2e-38, 1e-25, 1e-20, 1e-3, 1.0, 1e3, 1e25, 1e38])
@pytest.mark.parametrize("xp", [np, jnp])
def test_a_gaussian_of_any_bandwidth_is_one_at_zero_and_falls(xp, sigma):
    far = xp.asarray([0, 2e-38, 1e-30, 1e-3, 1, 30], xp.float32)
    with np.errstate(under="ignore"):
        expected = np.exp(-np.asarray(far, np.float64) / (2 * np.float64(np.float32(sigma)) ** 2))
    found = gaussian(far, xp.float32(sigma))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-37)


@pytest.mark.parametrize("hsic", [hsic, compiled_hsic], ids=["numpy", "compiled"])
@pytest.mark.parametrize("debiased", [True, False])
@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_hsic_of_every_pair_is_the_definition(kernel, debiased, hsic):
    arrays = [single(v + 50) for seed in (0, 1) for v in views(seed)][:3]
    sigmas = [jnp.float32(2.0)] * 3
    values = np.asarray(hsic(arrays, sigmas, kernel=kernel, debiased=debiased))
    definition = definitions.unbiased_hsic if debiased else definitions.biased_hsic
    kernels = [definitions.kernel_matrix(x, kernel, 2.0) for x in arrays]
    expected = np.array([[definition(k, l) for l in kernels] for k in kernels])  # noqa: E741
    if kernel == "linear":  # the kernel is that of rows divided by powers of two
        powers = values.diagonal() / expected.diagonal()
        np.testing.assert_allclose(np.log2(powers), np.log2(powers).round(), atol=1e-4)
        expected *= np.sqrt(np.outer(powers, powers))
    np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-7)


def test_block_size_changes_no_hsic(monkeypatch):
    arrays = [jnp.asarray(single(v)) for v in views(2)]
    sigmas = [jnp.float32(2.0)] * 2
    whole = compiled_hsic(arrays, sigmas, kernel="rbf")
    monkeypatch.setattr(rows_module, "BLOCK_ELEMENTS", 10 * 2 * N)  # 10 rows: the last block is cut
    compiled_hsic.clear_cache()
    blocks = compiled_hsic(arrays, sigmas, kernel="rbf")
    compiled_hsic.clear_cache()
    np.testing.assert_allclose(blocks, whole, rtol=1e-5)


@pytest.mark.parametrize("rows_at_once", [1, 3, 7, 20])
@pytest.mark.parametrize("as_one", [True, False])
def test_the_number_of_rows_at_once_changes_nothing(monkeypatch, rows_at_once, as_one):
    arrays = [single(v) for v in views(2)]
    prepared = [prepare(jnp.asarray(x)) for x in arrays]
    # 20 rows of a block that starts 5 rows before them; padding rows contribute nothing.
    query = np.arange(N - 22, N + 3, dtype=np.int32)
    grams = [p.gram(jnp.minimum(query, N - 1)) for p in prepared]
    monkeypatch.setattr(kernels_module, "CHUNK", rows_at_once * 2 * N)
    found = kernel_products(
        stacked([p.norms for p in prepared]),
        jnp.stack(grams) if as_one else grams,
        jnp.asarray(query[5:]),
        ["rbf", "distance"],
        jnp.full(2, 2.0),
        at=5,
    )
    for (products, means), kernel in zip(found, ("rbf", "distance"), strict=True):
        whole = [
            definitions.kernel_matrix(x, "rbf", 2.0) if kernel == "rbf" else definitions.distances(x) for x in arrays
        ]
        kept = np.stack([k[N - 17 :] for k in whole])
        off = np.arange(N) != np.arange(N - 17, N)[:, None]
        mean = (kept * off).sum(2) / (N - 1)
        residual = ((kept - mean[:, :, None]) * off).reshape(2, -1)
        # Distances are in the units of the points.
        scales = [float(p.norms.scale) if kernel == "distance" else 1.0 for p in prepared]
        np.testing.assert_allclose(means[:, :17] * np.array(scales)[:, None], mean, rtol=1e-5)
        np.testing.assert_allclose(products * np.outer(scales, scales), residual @ residual.T, rtol=1e-4)


def test_as_many_sums_as_rows_cost_no_precision():
    n = 3000
    x = np.zeros((n, 1), np.float32)
    x[0] = 0.3  # all other rows have the same sum, so that rounding errors add up
    prepared = prepare(jnp.asarray(x))
    rows = jnp.arange(n, dtype=jnp.int32)
    found = kernel_products(stacked([prepared.norms]), prepared.gram(rows)[None], rows, ["distance"])
    far = float(x[0, 0] / prepared.norms.scale)
    mean = far / (n - 1)
    expected = (n - 1) * ((far - mean) ** 2 + (n - 2) * mean**2)
    assert float(found[0][0][0, 0]) == pytest.approx(expected, rel=30 * float(np.finfo(np.float32).eps))


def test_numpy_computes_what_is_compiled():
    arrays = [single(v) for v in (*views(2), *views(3))]
    arrays[3] = np.ones_like(arrays[3])  # all rows are equal
    query = np.arange(N - 22, N + 3, dtype=np.int32)  # the last three are padding
    kernels, sigmas = ["linear", "rbf", "distance"], [np.float32(s) for s in (2.0, 3.0, 1.0, np.inf)]
    compiled = [prepare(jnp.asarray(x)) for x in arrays]
    grams = [p.gram(jnp.minimum(query, N - 1)) for p in compiled]
    expected = kernel_products(
        stacked([p.norms for p in compiled]), grams, jnp.asarray(query), kernels, jnp.stack(sigmas)
    )
    prepared = [prepare(x) for x in arrays]
    assert all(isinstance(leaf, np.ndarray | np.generic) for p in prepared for leaf in p.norms)
    rows = [p.gram(np.minimum(query, N - 1)) for p in prepared]
    found = kernel_products_numpy([p.norms for p in prepared], rows, query, kernels, sigmas)
    for (products, means), (other_products, other_means) in zip(found, expected, strict=True):
        np.testing.assert_allclose(products, other_products, rtol=2e-5, atol=1e-6)
        np.testing.assert_allclose(means, other_means, rtol=2e-5, atol=1e-6)
