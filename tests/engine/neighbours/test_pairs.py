from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hyle.engine.neighbours import pairs as pairs_module


def table(rng: np.random.Generator, k: int, n: int) -> np.ndarray:
    return np.sort(np.stack([rng.permutation(n)[:k] for _ in range(n)], 1), 0).astype(np.int32)


# By brute force, in steps of eight with a remainder, and by look-up.
@pytest.mark.parametrize("k", [1, 20, pairs_module.MAX_K_BRUTE_FORCE + 6])
def test_positions_of_neighbours(k):
    rng = np.random.default_rng(k)
    n = 90
    a, b = table(rng, k, n), table(rng, k, n)
    positions = np.asarray(jax.jit(pairs_module.position)(a, b))
    for i in range(n):
        expected = {row: p for p, row in enumerate(b[:, i])}
        assert positions[:, i].tolist() == [expected.get(row, -1) for row in a[:, i]]


@pytest.mark.parametrize("k", [1, 20, pairs_module.MAX_K_BRUTE_FORCE + 6])
@pytest.mark.parametrize("convert", [np.asarray, jnp.asarray])
def test_common_neighbours_are_counted(k, convert):
    rng = np.random.default_rng(k)
    a, b = table(rng, k, 90), table(rng, k, 90)
    expected = sum(len({*one} & {*other}) for one, other in zip(a.T, b.T, strict=True))
    assert int(pairs_module.count_common(convert(a), convert(b))) == expected > 0


@pytest.mark.parametrize("convert", [np.asarray, jnp.asarray])
@pytest.mark.parametrize("m", [1, 4, 21])
def test_all_pairs_keep_their_order(convert, m):
    values = convert(np.arange(1.0, 1 + m))
    scores = pairs_module.all_pairs(lambda a, b: (a - 2 * b, b - 2 * a), values)
    np.testing.assert_array_equal(scores, values[:, None] - 2 * values)


def test_the_whole_has_the_share_one():
    # 41 times the rounded reciprocal of 41 is not 1 in float32.
    share = jax.jit(lambda part: pairs_module.share(part, 41, jnp.float32))
    assert float(share(jnp.float32(41))) == 1
    assert float(jnp.float32(41) * np.float32(1 / 41)) != 1
