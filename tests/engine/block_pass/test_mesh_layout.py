"""Sums of ranks keep every digit, also over many neighbours and rows."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from hyle.engine.block_pass.mesh_layout import RANK_BASE, rank_sums


@pytest.mark.parametrize(("largest", "b", "k"), [(3000, 512, 1400), (2**24 - 1, 64, 5000), (9, 3, 1)])
def test_no_sum_of_ranks_is_rounded(largest: int, b: int, k: int) -> None:
    ranks = np.random.default_rng(0).integers(largest // 2, largest, size=(b, 2, k))
    group = np.arange(b) % 3
    digits = np.asarray(rank_sums(jnp.asarray(ranks, jnp.float32), jnp.asarray(group), 3)).astype(np.int64)
    found = (digits[0] * RANK_BASE + digits[1]) * RANK_BASE + digits[2]
    np.testing.assert_array_equal(found, [ranks[group == g].sum((0, 2)) for g in range(3)])
