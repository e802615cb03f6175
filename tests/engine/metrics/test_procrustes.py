from __future__ import annotations

import sys

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

FORMS = ("squared", "root", "disparity", "angular", "bures", "size_and_shape")
MOST = {"squared": 2, "root": 2**0.5, "disparity": 1, "angular": np.pi / 2, "bures": 1, "size_and_shape": np.inf}
METRICS = ("root", "angular", "size_and_shape")
ENTRIES = {"procrustes": "squared", "procrustes_root": "root", "procrustes_angular": "angular", "bures": "bures"}
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
    assert float(procrustes(x, y, form="root")) == pytest.approx(np.linalg.norm(a @ turn - b), rel=1e-9)
    a, b = x - x.mean(0), y - y.mean(0)
    turn, _ = scipy.linalg.orthogonal_procrustes(a, b)
    assert float(procrustes(x, y, form="size_and_shape")) == pytest.approx(np.linalg.norm(a @ turn - b), rel=1e-9)


def test_bures_of_centred_kernels_by_matrix_roots(float64):
    x, y = oracle_inputs()["shared64"]
    k, l = ((v - v.mean(0)) @ (v - v.mean(0)).T for v in (x, y))  # noqa: E741
    root = scipy.linalg.sqrtm(k + 1e-12 * np.trace(k) * np.eye(len(k)))  # singular matrices have no accurate root
    fidelity = np.trace(scipy.linalg.sqrtm(root @ l @ root + 1e-14 * np.trace(k) * np.trace(l) * np.eye(len(k)))).real
    expected = fidelity / np.sqrt(np.trace(k) * np.trace(l))
    assert float(procrustes(x, y, form="bures")) == pytest.approx(expected, rel=1e-4)
    assert float(procrustes(x, y, form="bures")) == pytest.approx(np.cos(float(procrustes(x, y, form="angular"))))
    distance = np.sqrt(np.trace(k) + np.trace(l) - 2 * fidelity)
    assert float(procrustes(x, y, form="size_and_shape")) == pytest.approx(distance, rel=1e-4)


def test_size_and_shape_of_known_figures():
    square = single([[1, 1], [1, -1], [-1, 1], [-1, -1]])
    # 3 times as large: 2 away in each of 8 coordinates. Turned and moved by nothing more.
    larger = 3 * square @ rotation(2, 0).astype(np.float32) + 7
    assert float(procrustes(square, larger, form="size_and_shape")) == pytest.approx(32**0.5, rel=1e-5)
    assert float(procrustes(larger, square, form="size_and_shape")) == pytest.approx(32**0.5, rel=1e-5)
    assert float(procrustes(square, larger, form="root")) == pytest.approx(0, abs=1e-6)
    # Points on a line against those of the square on its other diagonal: nothing in common but size.
    line = single([[2, 0], [0, 0], [0, 0], [-2, 0]])
    cross = single([[0, 0], [2, 0], [-2, 0], [0, 0]])
    assert float(procrustes(line, cross, form="size_and_shape")) == pytest.approx(4)
    assert float(procrustes(line, cross, form="bures")) == pytest.approx(0, abs=1e-6)
    assert float(procrustes(line, cross, form="root")) == pytest.approx(2**0.5)


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
        expected = definitions.procrustes(x * scale if form == "size_and_shape" else x, y, form)
        assert float(procrustes(single(moved), single(y[order]), form=form)) == pytest.approx(expected, rel=1e-4)


@EXAMPLES
@given(seed=seeds, noise=st.floats(0, 10))
def test_symmetric_and_within_bounds(seed, noise):
    x, y = map(single, views(seed, noise))
    for form, most in MOST.items():
        assert 0 < float(procrustes(x, y, form=form)) < most
        assert float(procrustes(x, y, form=form)) == pytest.approx(float(procrustes(y, x, form=form)), rel=1e-5)


@pytest.mark.parametrize("form", METRICS)
def test_these_are_metrics_and_the_square_is_not(form):
    rng = np.random.default_rng(0)
    triples = single(rng.normal(size=(40, 3, N, D)))
    triples[:, 1] = (triples[:, 0] + triples[:, 2]) / 2  # half way, where the inequality is tightest
    ab, bc, ac = (
        np.asarray(jax.vmap(lambda x, y: procrustes(x, y, form=form))(triples[:, i], triples[:, j]), np.float64)
        for i, j in ((0, 1), (1, 2), (0, 2))
    )
    assert (ac <= (ab + bc) * (1 + 1e-5)).all()
    assert (ac > 0.6 * (ab + bc)).all()
    assert (ac**2 > ab**2 + bc**2).any()


def test_a_small_distance_keeps_its_digits():
    x, _ = views(1)
    y = x @ rotation(D, 1) + 1e-4 * np.random.default_rng(1).normal(size=x.shape)
    expected = definitions.procrustes(single(x), single(y))
    assert expected < 1e-7
    assert float(procrustes(single(x), single(y))) == pytest.approx(expected, rel=1e-3)
    assert float(procrustes(single(x), single(x))) == pytest.approx(0, abs=1e-10)
    root = float(procrustes(single(x), single(y), form="root"))
    assert root == pytest.approx(expected**0.5, rel=1e-3)
    whole = float(procrustes(single(x), single(1.001 * y), form="size_and_shape"))
    assert whole == pytest.approx(definitions.procrustes(single(x), single(1.001 * y), "size_and_shape"), rel=1e-3)


def test_far_from_the_origin_in_float32():
    x, y = (single(v + 200 * v.std()) for v in views(5))
    assert float(procrustes(x, y)) == pytest.approx(definitions.procrustes(x, y), rel=1e-4)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_sizes_at_the_ends_of_float32(scale):
    x, y = views(9)
    expected = definitions.procrustes(x, y)
    assert float(procrustes(single(x * scale), single(y))) == pytest.approx(expected, rel=1e-5)
    both = float(procrustes(single(x * scale), single(y * scale), form="size_and_shape"))
    assert both / scale == pytest.approx(definitions.procrustes(x, y, "size_and_shape"), rel=1e-5)
    one = float(procrustes(single(x * scale), single(y), form="size_and_shape"))
    assert one == pytest.approx(definitions.procrustes(x * scale, y, "size_and_shape"), rel=1e-5)


def test_more_columns_than_rows_and_independent():
    x, y = unrelated()
    # ||X^T Y||_* = tr (A B A)^(1/2), A the root of X X^T and B = Y Y^T: the Bures form, 64 x 64.
    k, l = (v @ v.T for v in map(definitions.unit_size, (x, y)))  # noqa: E741
    size, side = np.linalg.eigh(k)
    root = side * np.sqrt(np.maximum(size, 0)) @ side.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ l @ root), 0)).sum()
    assert float(procrustes(single(x), single(y))) == pytest.approx(2 - 2 * shared, rel=1e-4)


@pytest.mark.parametrize("dtype", [pytest.param("float16", marks=pytest.mark.thorough), "bfloat16"])
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
@pytest.mark.parametrize("case", ["shared64", pytest.param("wide40", marks=pytest.mark.thorough)])
def test_gradient_equals_finite_differences(form, case, float64):
    x, y = oracle_inputs()[case]
    # With more columns than rows the distance has a kink where new directions open: stay among those of the rows.
    step = np.random.default_rng(0).normal(size=(len(x), len(x))) @ x / len(x)
    step -= step.mean(0)

    def score(v):
        return procrustes(v, y, form=form)

    gradient = np.asarray(jax.jit(jax.grad(score))(jnp.asarray(x)))
    difference = (float(score(x + 1e-5 * step)) - float(score(x - 1e-5 * step))) / 2e-5
    assert np.isfinite(gradient).all()
    assert float((gradient * step).sum()) == pytest.approx(difference, rel=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_the_gradient_is_finite_with_itself_and_with_repeated_rows(form):
    x = single(views(10)[0])
    x[5:9] = x[0]
    x[:, 3] = 0
    assert float(procrustes(x, x, form=form)) == pytest.approx(float(form == "bures"), abs=1e-4)
    assert np.isfinite(jax.jit(jax.grad(lambda v: procrustes(v, x, form=form)))(x)).all()


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="squared, root, disparity, angular, bures"):
        procrustes(*views(0), form="riemann")
    with pytest.raises(ValueError, match="at least 2 samples"):
        procrustes(np.ones((1, 2)), np.ones((1, 2)))


def test_a_comparison_has_the_same_values_and_the_chance_of_permutations():
    x, y = map(single, views(11))
    z = single(np.random.default_rng(0).normal(size=(N, 5)))
    found = compare({"a": x, "b": y, "c": z}, metrics=[*ENTRIES])
    for name, form in ENTRIES.items():
        value, chance = found[name].values, found[f"{name}_chance"].values
        assert value[0, 1] == pytest.approx(float(procrustes(x, y, form=form)), rel=1e-5)
        assert value[2, 0] == value[0, 2] == pytest.approx(float(procrustes(x, z, form=form)), rel=1e-5)
        np.testing.assert_array_equal(value.diagonal(), form == "bures")
        assert found[name].attrs["form"] == form
        permuted = [y[np.random.default_rng(seed).permutation(N)] for seed in range(100)]
        drawn = [definitions.procrustes(x, v, form) for v in permuted]
        assert chance[0, 1] == chance[1, 0] == pytest.approx(np.mean(drawn), abs=0.015)
        if form != "bures":
            assert chance[0, 2] == pytest.approx(value[0, 2], rel=0.1)  # independent
            assert chance[0, 1] > (1.5 if form == "squared" else 1.2) * value[0, 1]


@pytest.mark.parametrize("width", [1, 3, 50])
def test_chance_in_another_form_is_little_above_the_mean_of_that_form(width):
    rng = np.random.default_rng(width)
    x, y = rng.standard_t(3, size=(2, 50, width))  # tails that spread the values more than a normal distribution does
    squared = np.array([definitions.procrustes(x, y[rng.permutation(50)]) for _ in range(200)])
    for transform in (np.sqrt, lambda value: np.arccos(1 - value / 2)):
        assert 0 < transform(squared.mean()) - transform(squared).mean() < 0.003


def test_all_entries_share_one_decomposition_of_each_pair(monkeypatch):
    module = sys.modules[procrustes.__module__]
    counts = {"nuclear_norm": 0}

    def counted(name):
        original = getattr(module, name)

        def call(*args):
            counts[name] += 1
            return original(*args)

        return call

    for name in counts:
        monkeypatch.setattr(module, name, counted(name))
    x, y = map(single, views(11))
    found = compare({"a": x, "b": y}, metrics=[*ENTRIES], permutations=5, keep_resamples=True)
    assert counts["nuclear_norm"] == 1 + 3 * 5  # the pair itself, and each pair with itself or the other permuted
    squared = found.procrustes_null_samples.values
    np.testing.assert_allclose(found.procrustes_root_null_samples, np.sqrt(squared), rtol=1e-12)
    np.testing.assert_allclose(np.cos(found.procrustes_angular_null_samples), 1 - squared / 2, rtol=1e-12)
    np.testing.assert_allclose(found.bures_null_samples, 1 - squared / 2, rtol=1e-12)
    # p-values are those of ranks, which no form changes.
    for name in ENTRIES:
        np.testing.assert_array_equal(found[f"{name}_p"], found.procrustes_p)
