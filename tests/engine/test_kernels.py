from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from hyle.engine import _rows
from hyle.engine._kernels import hsic

from . import definitions
from .samples import N, single, views


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
