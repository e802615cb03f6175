from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given

from hyle.engine import compare, cycle_knn
from hyle.engine.metrics.cycle_knn import cycle_chance
from hyle.engine.neighbours import Lookup

from .. import definitions
from ..samples import EXAMPLES, D, K, N, oracle_inputs, rotation, scales, seeds, single, views

METRICS = ("cosine", "euclidean")


@pytest.mark.parametrize("metric", METRICS)
@EXAMPLES
@given(seed=seeds, scale=scales)
def test_the_definition_under_rotation_scale_and_common_permutation(metric, seed, scale):
    x, y = views(seed, 3.0)
    order = np.random.default_rng(seed).permutation(N)
    moved, other = single((x @ rotation(D, seed))[order] * scale), single(y[order])
    there = float(cycle_knn(moved, other, k=K, neighbour_metric=metric))
    back = float(cycle_knn(other, moved, k=K, neighbour_metric=metric))
    assert there == pytest.approx(definitions.cycle_knn(x, y, K, metric), abs=1e-6)
    assert back == pytest.approx(definitions.cycle_knn(y, x, K, metric), abs=1e-6)
    assert min(there, back) > 0
    assert max(there, back) <= 1


def test_the_walk_starts_in_y():
    rng = np.random.default_rng(0)
    x, y = single(rng.normal(size=(2, N, D)))
    x[:D] += 1000 * np.diag(1 + np.arange(D))  # nobody's neighbours in x, so no step in x comes back to them
    assert float(cycle_knn(x, y, k=40, neighbour_metric="euclidean")) == pytest.approx(1 - D / N)
    assert float(cycle_knn(y, x, k=40, neighbour_metric="euclidean")) == 1
    assert float(cycle_knn(x, x, k=40, neighbour_metric="euclidean")) == pytest.approx(1 - D / N)


def test_the_definition_with_repeated_rows_in_float64(float64):
    x, y = oracle_inputs()["dups100"]
    assert float(cycle_knn(x, y, k=5)) == pytest.approx(definitions.cycle_knn(x, y, 5), rel=1e-12)


def test_vmap_is_the_loop_and_16_bit_rows_are_computed_in_float32():
    xs, ys = (jnp.asarray(np.stack(v), jnp.bfloat16) for v in zip(*(views(s, 3.0) for s in range(3)), strict=True))
    loop = [cycle_knn(x, y, k=K) for x, y in zip(xs, ys, strict=True)]
    assert loop[0].dtype == jnp.float32
    assert float(loop[0]) == pytest.approx(definitions.cycle_knn(xs[0], ys[0], K), abs=1e-6)
    np.testing.assert_allclose(jax.jit(jax.vmap(lambda x, y: cycle_knn(x, y, k=K)))(xs, ys), loop, rtol=1e-6)


def test_constant_or_not_finite_is_nan():
    x, y = map(single, views(7))
    broken = x.copy()
    broken[3, 2] = np.inf
    assert np.isnan(cycle_knn(broken, y, k=K))
    assert np.isnan(cycle_knn(y, np.full_like(x, 3.3), k=K))


def test_chance_is_the_mean_over_all_permutations(float64):
    x, y = np.random.default_rng(0).normal(size=(2, 6, 3))
    found = compare({"x": x, "y": y}, metrics=["cycle_knn"], k=3)
    for (a, first), (b, second) in itertools.permutations({"x": x, "y": y}.items()):
        values = [definitions.cycle_knn(first, second[list(order)], 3) for order in itertools.permutations(range(6))]
        chance = found.cycle_knn_chance.sel(model=a, other=b).item()
        assert chance == pytest.approx(np.mean(values), rel=1e-12)
        assert found.cycle_knn.sel(model=a, other=b).item() == pytest.approx(values[0], rel=1e-12)


def test_chance_is_below_the_published_bound():
    for n, k in ((50, 2), (400, 5)):
        indices = np.stack([np.random.default_rng(i).permutation(n)[:k] for i in range(n)])
        assert 0.5 * k**2 / (n - 1) < cycle_chance(Lookup(jnp.asarray(indices), None)) < k**2 / (n - 1)


@pytest.mark.parametrize(
    ("options", "words"), [({"k": N}, "use k from 1 to 63"), ({"neighbour_metric": "l1"}, "euclidean")]
)
def test_mistakes_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        cycle_knn(*views(0), **options)
