from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hyle.engine import compare
from hyle.engine.metrics.algorithms import edge_pairs
from hyle.engine.metrics.algorithms import masked_kernels as masked_kernels_module
from hyle.engine.neighbours.search import neighbours

from ... import definitions

VARIANTS = ("debiased", "biased", "row_centred", "double_centred", "calibrated_form")
NAMES = ("cknna", *(f"cknna_{variant}" for variant in VARIANTS[1:]))
ROWS, K = 6, 3


@pytest.fixture(scope="module")
def few():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(ROWS, 3))
    y = x + rng.normal(size=x.shape)
    return x, y


# By the inner product a row need not be its own neighbour.
@pytest.mark.parametrize("metric", [pytest.param("cosine", marks=pytest.mark.thorough), "inner_product"])
def test_chance_is_the_mean_over_all_permutations(metric, few, float64):
    x, y = few
    found = compare({"x": x, "y": y}, metrics=NAMES, k=K, neighbour_metric=metric)
    orders = [list(order) for order in itertools.permutations(range(ROWS))]
    for name, variant in zip(NAMES, VARIANTS, strict=True):
        own = [definitions.cknna_alignment(v, v, K, variant, metric) for v in (x, y)]
        assert min(own) > 0
        for (a, first), (b, second) in itertools.permutations({"x": x, "y": y}.items()):
            values = [definitions.cknna_alignment(first, second[order], K, variant, metric) for order in orders]
            chance = found[f"{name}_chance"].sel(model=a, other=b).item()
            assert chance == pytest.approx(np.mean(values) / np.sqrt(own[0] * own[1]), rel=1e-9), (name, a, b)


def test_a_row_is_not_always_its_own_neighbour_by_inner_product(float64):
    x = jnp.asarray([[0.1, 0.0], [3.0, 0.0], [4.0, 1.0], [5.0, -1.0], [0.0, 2.0]])
    for metric in ("cosine", "inner_product"):
        found = masked_kernels_module.with_self(x, neighbours(x, 3, metric), metric=metric)
        mask = np.zeros((5, 5))
        np.put_along_axis(mask, np.asarray(found.indices), 1, 1)
        np.testing.assert_array_equal(mask, definitions._self_mask(x, 3, metric))
        assert mask[0, 0] == (metric == "cosine")
        kernel = definitions.similarity(x, metric)
        np.testing.assert_allclose(found.value, np.take_along_axis(kernel, np.asarray(found.indices), 1), rtol=1e-12)


@pytest.mark.parametrize("metric", ["cosine", "inner_product"])
@pytest.mark.parametrize("sides", ["rows", "both"])
def test_kernels_are_centred_to_single_precision_far_from_the_origin(metric, sides):
    rng = np.random.default_rng(0)
    x = np.asarray(rng.normal(size=(64, 12)) + 200, np.float32)
    x[5] = 0 if metric == "cosine" else x[5]
    edges = masked_kernels_module.edges(neighbours(jnp.asarray(x), 5, metric))
    found = masked_kernels_module.recentred(jnp.asarray(x), edges, metric=metric, sides=sides)
    kernel = definitions.similarity(x, metric)
    kernel = kernel - kernel.mean(1, keepdims=True)
    if sides == "both":
        kernel = kernel - kernel.mean(0)
    expected = np.take_along_axis(kernel, np.asarray(edges.indices).T, 1).T
    np.testing.assert_allclose(found.weight, expected / np.abs(expected).max(), atol=1e-4)


def test_shared_sums_hold_no_matrix():
    n, k = 50_000, 20
    one = masked_kernels_module.Edges(
        *(jax.ShapeDtypeStruct((k, n), kind) for kind in (jnp.int32, jnp.float32, jnp.bool))
    )
    terms = dict.fromkeys(edge_pairs._MEETING, 1.0)
    compiled = jax.jit(lambda a, b: masked_kernels_module.shared_sum(a, b, terms)).lower(one, one).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 40 * k * n
