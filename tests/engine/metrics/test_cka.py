from __future__ import annotations

import importlib
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyle.engine import cka, cka_stream, compare, device_mesh, distance_correlation, minibatch_cka
from hyle.engine.losses import cka_loss

from .. import definitions
from ..oracles.inputs import cases
from ..samples import (
    ALL_CASES,
    EXAMPLES,
    SINGLE_CASES,
    D,
    N,
    oracle,
    oracle_inputs,
    padded,
    rotation,
    scales,
    seeds,
    single,
    unrelated,
    views,
)

ORACLES = {
    "cka_linear_biased": {"debiased": False},
    "cka_linear_debiased": {},
    "cka_rbf_biased(sigma=median nonzero distance)": {"kernel": "rbf", "debiased": False},
    "cka_rbf_debiased(sigma=median nonzero distance)": {"kernel": "rbf"},
}
KERNELS = ("linear", "rbf")


def test_oracle_inputs_are_the_ones_that_the_values_belong_to():
    # Of entries up to some tens; a matrix product differs in its last bits between processors.
    for case, sides in cases().items():
        for made, stored in zip(sides, oracle_inputs()[case], strict=True):
            np.testing.assert_allclose(made, stored, rtol=0, atol=1e-12 * max(1.0, np.abs(stored).max()))


@pytest.mark.parametrize("case", ALL_CASES)  # repeated rows are samples like others here
@pytest.mark.parametrize("name", ORACLES)
def test_oracle_in_float64(name, case, float64):
    assert float(cka(*padded(case), **ORACLES[name])) == pytest.approx(oracle(name, case), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("case", SINGLE_CASES)
@pytest.mark.parametrize("name", ORACLES)
def test_oracle_in_float32(name, case):
    value = cka(*map(single, padded(case)), **ORACLES[name])
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(oracle(name, case), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("debiased", [True, False])
def test_definition(kernel, debiased):
    x, y = map(single, views(1))
    expected = definitions.cka(x, y, kernel, debiased)
    assert float(cka(x, y, kernel=kernel, debiased=debiased)) == pytest.approx(expected, rel=1e-5)


def test_widths_may_differ():
    x, y = map(single, oracle_inputs()["shared64"])
    assert x.shape[1] != y.shape[1]
    assert float(cka(x, y)) == pytest.approx(oracle("cka_linear_debiased", "shared64"), rel=1e-4)


def test_sigma_may_be_traced():
    x, y = (single(v) for v in np.random.default_rng(0).normal(size=(2, 40, 5)))
    score = lambda sigma: cka(x, y, kernel="rbf", sigma=sigma)  # noqa: E731
    sigmas = jnp.array([2.0, 2.5, 3.0])
    expected = [definitions.cka(x, y, "rbf", sigma=float(sigma)) for sigma in sigmas]
    np.testing.assert_allclose(jax.vmap(score)(sigmas), expected, atol=1e-5)
    step = 1e-3
    slope = (definitions.cka(x, y, "rbf", sigma=2.5 + step) - definitions.cka(x, y, "rbf", sigma=2.5 - step)) / 2 / step
    assert float(jax.grad(score)(2.5)) == pytest.approx(slope, abs=1e-3)
    assert float(jax.jit(lambda: cka(x, y, kernel="rbf"))()) == pytest.approx(float(cka(x, y, kernel="rbf")), abs=1e-5)


def test_given_sigma(float64):
    x, y = views(2)
    expected = definitions.cka(x, y, "rbf", sigma=1.7)
    assert float(cka(x, y, kernel="rbf", sigma=1.7)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("kernel", KERNELS)
@EXAMPLES
@given(seed=seeds, scale=scales, offset=st.floats(-100, 100))
def test_rotation_scale_translation_and_common_permutation_leave_it(kernel, seed, scale, offset):
    x, y = views(seed)
    order = np.random.default_rng(seed).permutation(N)
    # The offset counts in standard deviations.
    moved = (x @ rotation(D, seed) + offset * x.std())[order] * scale
    expected = definitions.cka(x, y, kernel)
    assert float(cka(single(moved), single(y[order]), kernel=kernel)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("kernel", KERNELS)
@EXAMPLES
@given(seed=seeds, scale=scales)
def test_symmetric_and_one_with_itself(kernel, seed, scale):
    x, y = map(single, views(seed))
    assert float(cka(x, y, kernel=kernel)) == pytest.approx(float(cka(y, x, kernel=kernel)), abs=1e-6)
    assert float(cka(x, x * np.float32(scale), kernel=kernel)) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("kernel", ["linear", pytest.param("rbf", marks=pytest.mark.thorough)])
def test_under_vmap_the_loop_and_by_chance_zero(kernel):
    x, y = single(np.random.default_rng(0).normal(size=(2, 400, N, D)))
    values = np.asarray(jax.jit(jax.vmap(lambda x, y: cka(x, y, kernel=kernel)))(x, y))
    loop = [float(cka(*pair, kernel=kernel)) for pair in zip(x[:5], y[:5], strict=True)]
    np.testing.assert_allclose(values[:5], loop, rtol=1e-4, atol=1e-6)
    assert abs(values.mean()) < 4 * values.std(ddof=1) / np.sqrt(len(values))
    assert values.min() < 0  # not clamped


def test_noise_lowers_it_step_by_step():
    x, _ = views(3)
    noise = np.random.default_rng(4).normal(size=x.shape)
    for kernel in KERNELS:
        values = [float(cka(single(x), single(x + s * noise), kernel=kernel)) for s in (0, 0.5, 1, 2, 4, 8)]
        assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("debiased", [True, False])
def test_far_from_the_origin_in_float32(kernel, debiased):
    x, y = (single(v + 200 * v.std()) for v in views(5))
    expected = definitions.cka(x, y, kernel, debiased)
    assert float(cka(x, y, kernel=kernel, debiased=debiased)) == pytest.approx(expected, abs=1e-4)


def test_more_columns_than_rows_and_independent():
    x, y = unrelated()
    assert float(cka(single(x), single(y), debiased=False)) == pytest.approx(0.992882, abs=2e-5)
    assert float(cka(single(x), single(y))) == pytest.approx(0.014338, abs=2e-5)


@pytest.mark.parametrize("dtype", [pytest.param("float16", marks=pytest.mark.thorough), "bfloat16"])
def test_16_bit_rows_are_computed_in_float32(dtype):
    x, y = (jnp.asarray(single(v)).astype(dtype) for v in views(6))
    value = cka(x, y)
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(definitions.cka(x, y), abs=1e-5)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("debiased", [True, False])
def test_constant_or_not_finite_is_nan(kernel, debiased):
    x, y = map(single, views(7))
    broken = x.copy()
    broken[3, 2] = np.nan
    for bad in (np.full_like(x, 3.3), np.zeros_like(x), broken):
        assert np.isnan(cka(bad, y, kernel=kernel, debiased=debiased))
        assert np.isnan(cka(y, bad, kernel=kernel, debiased=debiased))


def test_a_narrow_kernel_does_not_leave_the_range_of_float32():
    x, _ = views(8)
    y = x + 0.01 * np.random.default_rng(8).normal(size=x.shape)
    for sigma in (0.5, 0.35, 0.25):
        expected = definitions.cka(x, y, "rbf", sigma=sigma)
        assert float(cka(single(x), single(y), kernel="rbf", sigma=sigma)) == pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_sizes_at_the_ends_of_float32(scale):
    x, y = views(9)
    for kernel in KERNELS:
        expected = definitions.cka(x, y, kernel)
        assert float(cka(single(x * scale), single(y), kernel=kernel)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("path", ["numpy", "jax", "jit", "traced", "batches"])
@pytest.mark.parametrize("sigma", [1e-10, 1e-19, 3e-20, 1e-25, 1e-37])
@pytest.mark.parametrize("debiased", [True, False])
def test_bandwidths_whose_squares_are_below_the_range_of_float32(debiased, sigma, path):
    rng = np.random.default_rng(0)
    # Of rows that are equal in groups, whose kernels are then those of which rows are equal.
    x, y = (single(rng.normal(size=(12, 5))[rng.integers(12, size=24)]) for _ in range(2))
    expected = definitions.cka(x, y, "rbf", debiased, sigma)
    assert abs(expected) > 0.05

    def score(x, y, sigma=sigma):
        return cka(x, y, kernel="rbf", sigma=sigma, debiased=debiased)

    found = {
        "numpy": lambda: score(x, y),
        "jax": lambda: score(jnp.asarray(x), jnp.asarray(y)),
        "jit": lambda: jax.jit(score)(x, y),
        "traced": lambda: jax.jit(score)(x, y, jnp.float32(sigma)),
        "batches": lambda: minibatch_cka(x, y, batch_size=24, kernel="rbf", sigma=sigma),
    }[path]
    if path == "batches":
        expected = definitions.cka(x, y, "rbf", sigma=sigma)
    assert float(found()) == pytest.approx(expected, abs=1e-6)
    if path == "jit":
        assert np.isfinite(jax.grad(score)(x, y)).all()


@pytest.mark.parametrize("others", [[], ["mutual_knn"]])
def test_medians_whose_squares_are_below_the_range_of_float32(others):
    x, y = views(4)
    x *= 3e-21
    x[0], x[1] = 0.9, -0.9  # the unit of the points
    x, y = map(single, (x, y))
    found = compare({"x": x, "y": y}, metrics=["cka_rbf", "cka_rbf_biased", *others], k=3, permutations=9)
    for name, debiased in (("cka_rbf", True), ("cka_rbf_biased", False)):
        expected = definitions.cka(x, y, "rbf", debiased)
        assert float(cka(x, y, kernel="rbf", debiased=debiased)) == pytest.approx(expected, abs=1e-4)
        assert found[name].sel(model="x", other="y").item() == pytest.approx(expected, abs=1e-4)
        assert np.isfinite(found[f"{name}_null"]).all()


@pytest.mark.parametrize("mesh", [None, 1])
@pytest.mark.parametrize("others", [[], ["mutual_knn"]])
@pytest.mark.parametrize("scale", [1e-30, 1e-25, 1e25, 1e30])
def test_a_comparison_at_the_ends_of_float32(scale, others, mesh):
    x, y = map(single, views(9))
    names = ["cka", "cka_rbf", "cka_rbf_biased", "distance_correlation"]
    given = {"mesh": device_mesh(mesh) if mesh else None, "metrics": [*names, *others], "k": 3}
    expected, found = compare({"x": x, "y": y}, **given), compare({"x": x * single(scale), "y": y}, **given)
    for name in names:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-5)


@pytest.mark.parametrize("debiased", [True, False])
@pytest.mark.parametrize("of", ["linear", "rbf", "distance_correlation"])
def test_more_rows_than_the_root_of_the_largest_32_bit_integer(of, debiased):
    rows = jax.ShapeDtypeStruct((50_000, 3), jnp.float32)

    def score(x, y):
        return distance_correlation(x, y, debiased=debiased) if "_" in of else cka(x, y, kernel=of, debiased=debiased)

    assert jax.eval_shape(score, rows, rows).shape == ()


@pytest.mark.parametrize("kernel", KERNELS)
def test_gradient_equals_finite_differences(kernel, float64):
    x, y = views(10)
    sigma = definitions.median_nonzero_distance(x) if kernel == "rbf" else None
    step = np.random.default_rng(0).normal(size=x.shape)

    def score(v):
        return cka(v, y, kernel=kernel, sigma=sigma)

    gradient = np.asarray(jax.jit(jax.grad(score))(jnp.asarray(x)))
    difference = (float(score(x + 1e-5 * step)) - float(score(x - 1e-5 * step))) / 2e-5
    assert np.isfinite(gradient).all()
    assert float((gradient * step).sum()) == pytest.approx(difference, rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((np.ones((5, 2)), np.ones((6, 2))), {}, "compare\\(\\) joins representations by id"),
        ((np.ones((3, 2)), np.ones((3, 2))), {}, "at least 4 samples"),
        ((np.ones(5), np.ones((5, 2))), {}, "x must be a matrix"),
        ((np.ones((5, 2)), np.ones((5, 0))), {}, "y must be a matrix"),
        ((np.ones((5, 2)), np.ones((5, 2))), {"kernel": "poly"}, "linear or rbf"),
        ((np.ones((5, 2)), np.ones((5, 2))), {"sigma": 1.0}, "kernel='rbf'"),
    ],
)
def test_mistakes_are_named(arguments, options, words):
    with pytest.raises(ValueError, match=words):
        cka(*arguments, **options)


def test_digits_left_and_right(digits, float64):
    left, right = digits
    assert float(cka(left, right)) == pytest.approx(0.26955426, abs=1e-8)
    assert float(cka(left, right, debiased=False)) == pytest.approx(0.27282967, abs=1e-8)


@pytest.mark.parametrize("name", ["cka_biased", "cka_rbf_biased", "distance_correlation_biased"])
@pytest.mark.parametrize("offset", [0.0, 200.0])
def test_the_chance_level_of_biased_ones_is_the_mean_over_all_orders(name, offset):
    rng = np.random.default_rng(0)
    x, y = single(offset + rng.normal(size=(6, 3))), single(offset + rng.normal(size=(6, 2)))
    found = compare({"x": x, "y": y}, metrics=[name])
    orders = [list(order) for order in itertools.permutations(range(6))]
    scores = []
    for order in orders:
        if name == "distance_correlation_biased":
            scores.append(definitions.distance_correlation(x, y[order], debiased=False))
        else:
            scores.append(definitions.cka(x, y[order], kernel="rbf" if "rbf" in name else "linear", debiased=False))
    chance = found[f"{name}_chance"].sel(model="x", other="y").item()
    assert 0.1 < chance < 0.9
    np.testing.assert_allclose(chance, np.mean(scores), rtol=1e-4)


def _rbf_by_definition(x, y, sigmas=None):
    """Compute debiased RBF CKA with these bandwidths, by default the medians of the distances of x and y."""
    far = [np.sqrt(np.maximum(((v[:, None] - v) ** 2).sum(2), 0)) for v in (x, y)]
    n = len(x)
    sigmas = [np.median(d[np.triu_indices(n, 1)]) for d in far] if sigmas is None else sigmas
    kernels = [np.exp(-(d**2) / (2 * s**2)) - np.eye(n) for d, s in zip(far, sigmas, strict=True)]

    def inner(k, l):  # noqa: E741
        return (k * l).sum() + k.sum() * l.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * k.sum(0) @ l.sum(0)

    k, l = kernels  # noqa: E741
    return inner(k, l) / np.sqrt(inner(k, k) * inner(l, l)), sigmas


@pytest.mark.thorough
@pytest.mark.parametrize("of", ["cka", "minibatch_cka", "cka_stream", "cka_loss"])
def test_the_derivative_holds_the_default_bandwidth_fixed_except_in_the_loss(of, float64):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 4))
    y, step = 0.5 * x[:, :3] + rng.normal(size=(12, 3)), 1e-6

    def stream(v):
        functions = cka_stream(kernel="rbf")
        return functions.value(functions.update(functions.init(), v, jnp.asarray(y)))

    value = {
        "cka": lambda v: cka(v, jnp.asarray(y), kernel="rbf"),
        "minibatch_cka": lambda v: minibatch_cka(v, jnp.asarray(y), batch_size=12, kernel="rbf"),
        "cka_stream": stream,
        "cka_loss": lambda v: 1 - cka_loss(v, jnp.asarray(y), kernel="rbf"),
    }[of]
    expected, sigmas = _rbf_by_definition(x, y)
    assert float(value(jnp.asarray(x))) == pytest.approx(expected, rel=1e-9)
    fixed, moving = np.empty((2, *x.shape))
    for at in np.ndindex(x.shape):
        ends = [x.copy(), x.copy()]
        ends[0][at] += step
        ends[1][at] -= step
        for found, bandwidths in ((fixed, sigmas), (moving, None)):
            up, down = (_rbf_by_definition(end, y, bandwidths)[0] for end in ends)
            found[at] = (up - down) / (2 * step)
    gradient = np.asarray(jax.jit(jax.grad(value))(jnp.asarray(x)))
    assert np.linalg.norm(moving - fixed) > 0.03 * np.linalg.norm(moving)
    np.testing.assert_allclose(gradient, moving if of == "cka_loss" else fixed, atol=1e-7)


def test_few_samples_of_few_columns_need_no_products_of_rows(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("n x n products")

    monkeypatch.setattr(importlib.import_module("hyle.engine.gram.hsic"), "_sums_numpy", refuse)
    monkeypatch.setattr(importlib.import_module("hyle.engine.gram.prepared").Prepared, "with_gram", refuse)
    x, y = map(single, views(3))
    found = compare({"x": x[:, :4], "y": y[:, :5]}, metrics=["cka", "cka_biased"])
    for name, debiased in (("cka", True), ("cka_biased", False)):
        expected = definitions.cka(x[:, :4], y[:, :5], debiased=debiased)
        assert float(cka(x[:, :4], y[:, :5], debiased=debiased)) == pytest.approx(expected, abs=1e-6)
        assert found[name].sel(model="x", other="y").item() == pytest.approx(expected, abs=1e-6)
