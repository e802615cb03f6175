from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given

from hyle.engine import compare, jaccard_knn, mutual_knn

from .. import definitions
from ..samples import EXAMPLES, D, K, N, oracle_inputs, rotation, scales, seeds, single, views

METRICS = ("cosine", "euclidean")


@pytest.mark.parametrize("metric", METRICS)
@EXAMPLES
@given(seed=seeds, scale=scales)
def test_the_definition_under_rotation_scale_and_common_permutation(metric, seed, scale):
    x, y = views(seed)
    order = np.random.default_rng(seed).permutation(N)
    moved, other = single((x @ rotation(D, seed))[order] * scale), single(y[order])
    value = float(jaccard_knn(moved, other, k=K, neighbour_metric=metric))
    assert value == pytest.approx(definitions.jaccard_knn(x, y, K, metric), abs=1e-6)
    assert value == float(jaccard_knn(other, moved, k=K, neighbour_metric=metric))
    assert 0 <= value <= float(mutual_knn(moved, other, k=K, neighbour_metric=metric))
    assert float(jaccard_knn(other, other, k=K, neighbour_metric=metric)) == 1


def test_the_definition_with_repeated_rows_in_float64(float64):
    x, y = oracle_inputs()["dups100"]
    assert float(jaccard_knn(x, y, k=5)) == pytest.approx(definitions.jaccard_knn(x, y, 5), rel=1e-12)


def test_vmap_is_the_loop_and_16_bit_rows_are_computed_in_float32():
    xs, ys = (jnp.asarray(np.stack(v), jnp.bfloat16) for v in zip(*(views(s) for s in range(3)), strict=True))
    loop = [jaccard_knn(x, y, k=K) for x, y in zip(xs, ys, strict=True)]
    assert loop[0].dtype == jnp.float32
    assert float(loop[0]) == pytest.approx(definitions.jaccard_knn(xs[0], ys[0], K), abs=1e-6)
    np.testing.assert_allclose(jax.jit(jax.vmap(lambda x, y: jaccard_knn(x, y, k=K)))(xs, ys), loop, rtol=1e-6)


def test_constant_or_not_finite_is_nan():
    x, y = map(single, views(7))
    broken = x.copy()
    broken[3, 2] = np.inf
    assert np.isnan(jaccard_knn(broken, y, k=K))
    assert np.isnan(jaccard_knn(np.full_like(x, 3.3), y, k=K))
    assert np.isnan(jaccard_knn(y, np.full_like(x, 3.3), k=K, centre=True))


def test_chance_is_the_mean_over_all_permutations(float64):
    x, y = np.random.default_rng(0).normal(size=(2, 6, 3))
    found = compare({"x": x, "y": y}, metrics=["jaccard_knn"], k=3)
    orders = itertools.permutations(range(6))
    values = [definitions.jaccard_knn(x, y[list(order)], 3) for order in orders]
    np.testing.assert_allclose(found.jaccard_knn_chance, np.mean(values), rtol=1e-12)
    assert found.jaccard_knn.sel(model="x", other="y").item() == pytest.approx(values[0], rel=1e-12)


@pytest.mark.parametrize(
    ("options", "words"), [({"k": N}, "use k from 1 to 63"), ({"neighbour_metric": "l1"}, "euclidean")]
)
def test_mistakes_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        jaccard_knn(*views(0), **options)
