from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.spatial
from hypothesis import given
from hypothesis import strategies as st

from hyle.engine import compare, procrustes

from .. import definitions
from ..samples import EXAMPLES, D, N, oracle_inputs, padded, rotation, scales, seeds, single, unrelated, views

FORMS = ("squared", "disparity", "angular")
CASES = ("shared64", "wide40", "dups100")


@pytest.mark.parametrize("case", CASES)
def test_scipy_in_float64(case, float64):
    x, y = padded(case)
    _, _, disparity = scipy.spatial.procrustes(x, y)
    assert float(procrustes(*oracle_inputs()[case], form="disparity")) == pytest.approx(disparity, rel=1e-9)
    a, b = definitions.unit_size(x), definitions.unit_size(y)
    turn, shared = scipy.linalg.orthogonal_procrustes(a, b)
    assert float(procrustes(x, y)) == pytest.approx(((a @ turn - b) ** 2).sum(), rel=1e-9)
    assert float(procrustes(x, y, form="angular")) == pytest.approx(np.arccos(shared), rel=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_definition_in_float32(form):
    for x, y in (oracle_inputs()["shared64"], oracle_inputs()["wide40"]):
        value = procrustes(single(x), single(y), form=form)
        assert value.dtype == jnp.float32
        assert float(value) == pytest.approx(definitions.procrustes(x, y, form), rel=1e-5)


@EXAMPLES
@given(seed=seeds, scale=scales, offset=st.floats(-100, 100))
def test_rotation_scale_translation_and_common_permutation_leave_it(seed, scale, offset):
    x, y = views(seed)
    order = np.random.default_rng(seed).permutation(N)
    moved = (x @ rotation(D, seed) + offset * x.std())[order] * scale
    for form in FORMS:
        expected = definitions.procrustes(x, y, form)
        assert float(procrustes(single(moved), single(y[order]), form=form)) == pytest.approx(expected, rel=1e-4)


@EXAMPLES
@given(seed=seeds, noise=st.floats(0, 10))
def test_symmetric_and_within_bounds(seed, noise):
    x, y = map(single, views(seed, noise))
    for form, most in zip(FORMS, (2, 1, np.pi / 2), strict=True):
        assert 0 < float(procrustes(x, y, form=form)) < most
    assert float(procrustes(x, y)) == pytest.approx(float(procrustes(y, x)), rel=1e-5)


def test_angular_is_a_metric():
    rng = np.random.default_rng(0)
    triples = single(rng.normal(size=(40, 3, N, D)))
    triples[:, 1] = (triples[:, 0] + triples[:, 2]) / 2  # half way, where the inequality is tightest
    ab, bc, ac = (
        np.asarray(jax.vmap(lambda x, y: procrustes(x, y, form="angular"))(triples[:, i], triples[:, j]))
        for i, j in ((0, 1), (1, 2), (0, 2))
    )
    assert (ac <= ab + bc + 1e-5).all()
    assert (ac > 0.6 * (ab + bc)).all()


def test_a_small_distance_keeps_its_digits():
    x, _ = views(1)
    y = x @ rotation(D, 1) + 1e-4 * np.random.default_rng(1).normal(size=x.shape)
    expected = definitions.procrustes(single(x), single(y))
    assert expected < 1e-7
    assert float(procrustes(single(x), single(y))) == pytest.approx(expected, rel=1e-3)
    assert float(procrustes(single(x), single(x))) == pytest.approx(0, abs=1e-10)


def test_far_from_the_origin_in_float32():
    x, y = (single(v + 200 * v.std()) for v in views(5))
    assert float(procrustes(x, y)) == pytest.approx(definitions.procrustes(x, y), rel=1e-4)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_sizes_at_the_ends_of_float32(scale):
    x, y = views(9)
    expected = definitions.procrustes(x, y)
    assert float(procrustes(single(x * scale), single(y))) == pytest.approx(expected, rel=1e-5)


def test_more_columns_than_rows_and_independent():
    x, y = unrelated()
    # ||X^T Y||_* = tr (A B A)^(1/2), A the root of X X^T and B = Y Y^T: the Bures form, 64 x 64.
    k, l = (v @ v.T for v in map(definitions.unit_size, (x, y)))  # noqa: E741
    size, side = np.linalg.eigh(k)
    root = side * np.sqrt(np.maximum(size, 0)) @ side.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ l @ root), 0)).sum()
    assert float(procrustes(single(x), single(y))) == pytest.approx(2 - 2 * shared, rel=1e-4)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_16_bit_rows_are_computed_in_float32(dtype):
    x, y = (jnp.asarray(single(v)).astype(dtype) for v in views(6))
    value = procrustes(x, y)
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(definitions.procrustes(x, y), rel=1e-5)


def test_constant_or_not_finite_is_nan():
    x, y = map(single, views(7))
    broken = x.copy()
    broken[3, 2] = np.nan
    for bad in (np.full_like(x, 3.3), np.zeros_like(x), broken):
        for form in FORMS:
            assert np.isnan(procrustes(bad, y, form=form))
            assert np.isnan(procrustes(y, bad, form=form))


def test_jit_and_vmap_equal_the_loop():
    xs, ys = (jnp.asarray(np.stack(v), jnp.float32) for v in zip(*(views(s) for s in range(3)), strict=True))
    loop = [float(procrustes(x, y)) for x, y in zip(xs, ys, strict=True)]
    np.testing.assert_allclose(jax.jit(jax.vmap(procrustes))(xs, ys), loop, rtol=1e-5)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", ["shared64", "wide40"])
def test_gradient_equals_finite_differences(form, case, float64):
    x, y = oracle_inputs()[case]
    # With more columns than rows the distance has a kink where new directions open: stay among those of the rows.
    step = np.random.default_rng(0).normal(size=(len(x), len(x))) @ x / len(x)
    step -= step.mean(0)

    def score(v):
        return procrustes(v, y, form=form)

    gradient = np.asarray(jax.grad(score)(jnp.asarray(x)))
    difference = (float(score(x + 1e-5 * step)) - float(score(x - 1e-5 * step))) / 2e-5
    assert np.isfinite(gradient).all()
    assert float((gradient * step).sum()) == pytest.approx(difference, rel=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_the_gradient_is_finite_with_itself_and_with_repeated_rows(form):
    x = single(views(10)[0])
    x[5:9] = x[0]
    x[:, 3] = 0
    assert np.isfinite(jax.grad(lambda v: procrustes(v, x, form=form))(x)).all()


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="squared, disparity, angular"):
        procrustes(*views(0), form="riemann")
    with pytest.raises(ValueError, match="at least 2 samples"):
        procrustes(np.ones((1, 2)), np.ones((1, 2)))


def test_a_comparison_has_the_same_values_and_the_chance_of_permutations():
    x, y = map(single, views(11))
    z = single(np.random.default_rng(0).normal(size=(N, 5)))
    found = compare({"a": x, "b": y, "c": z}, metrics=["procrustes"])
    value, chance = found.procrustes.values, found.procrustes_chance.values
    assert value[0, 1] == pytest.approx(float(procrustes(x, y)), rel=1e-5)
    assert value[2, 0] == value[0, 2] == pytest.approx(float(procrustes(x, z)), rel=1e-5)
    assert chance[0, 2] == pytest.approx(value[0, 2], rel=0.1)  # independent
    assert chance[0, 1] > 1.5 * value[0, 1]
    drawn = [float(procrustes(x, y[np.random.default_rng(seed).permutation(N)])) for seed in range(100)]
    assert chance[0, 1] == chance[1, 0] == pytest.approx(np.mean(drawn), rel=0.02)
