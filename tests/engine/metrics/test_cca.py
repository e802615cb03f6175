from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st

from hyle.engine import cca, compare, list_metrics
from hyle.engine.base import InputError
from hyle.engine.context import MetricContext
from hyle.engine.permutation import draw

from .. import definitions
from ..samples import EXAMPLES, D, N, oracle_inputs, rotation, scales, seeds, single, views

FORMS = ("mean", "squared")


def angles(x, y):
    """Compute the canonical correlations from principal angles, which also knows dependent columns."""
    spaces = [scipy.linalg.orth(v - v.mean(0), rcond=1e-9) for v in (np.asarray(x, float), np.asarray(y, float))]
    return np.cos(scipy.linalg.subspace_angles(*spaces))


def invertible(seed):
    rng = np.random.default_rng(seed)
    return rotation(D, seed) @ np.diag(np.exp(rng.uniform(-1, 1, D))) @ rotation(D, seed + 1)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", ["shared64", pytest.param("wide40", marks=pytest.mark.thorough)])
def test_generalised_eigenvalues_in_float64(case, form, float64):
    x, y = oracle_inputs()[case]
    x = x[:, :9]  # fewer columns than rows in the wide case, and another rank than y
    y = y[:, :12]
    assert float(cca(x, y, form=form)) == pytest.approx(definitions.cca(x, y, form), rel=1e-9)
    power = 2 if form == "squared" else 1
    assert float(cca(y, x, form=form)) == pytest.approx((angles(x, y) ** power).mean(), rel=1e-9)


def test_scikit_learn(float64):
    decomposition = pytest.importorskip("sklearn.cross_decomposition")
    x, y = (v[:, :4] for v in views(3))
    a, b = decomposition.CCA(4, max_iter=10_000, tol=1e-10).fit_transform(x, y)
    expected = [np.corrcoef(a[:, i], b[:, i])[0, 1] for i in range(4)]
    assert float(cca(x, y)) == pytest.approx(np.mean(expected), rel=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_definition_in_float32(form):
    x, y = map(single, views(1))
    value = cca(x, y, form=form)
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(definitions.cca(x, y, form), rel=1e-5)


@EXAMPLES
@given(seed=seeds, scale=scales, offset=st.floats(-10, 10))
def test_invertible_linear_maps_and_a_common_permutation_leave_it(seed, scale, offset):
    x, y = views(seed)
    order = np.random.default_rng(seed).permutation(N)
    moved = (x @ invertible(seed % 1000) + offset * x.std())[order] * scale
    for form in FORMS:
        expected = definitions.cca(x, y, form)
        assert float(cca(single(moved), single(y[order]), form=form)) == pytest.approx(expected, rel=1e-4)
        assert float(cca(single(y[order]), single(moved), form=form)) == pytest.approx(expected, rel=1e-4)
    assert float(cca(single(moved), single(x[order]))) == pytest.approx(1, rel=1e-5)


def test_shared_directions_that_were_planted(float64):
    """Of q = 12 pairs, three are the same up to a known noise, and the others have nothing in common."""
    rng = np.random.default_rng(0)
    free = np.linalg.qr(rng.normal(size=(N, 25)) - 0)[0]
    free = np.linalg.qr(free - free.mean(0))[0]  # 24 or 25 uncorrelated columns
    rho = np.array([0.9, 0.5, 0.2])
    x = free[:, :D]
    y = np.concatenate([rho * x[:, :3] + np.sqrt(1 - rho**2) * free[:, D : D + 3], free[:, D + 3 : 2 * D]], 1)
    for other in (y, y @ invertible(1)):
        assert float(cca(x, other)) == pytest.approx(rho.sum() / D, abs=1e-9)
        assert float(cca(x, other, form="squared")) == pytest.approx((rho**2).sum() / D, abs=1e-9)
    # Only the smaller rank counts.
    assert float(cca(x[:, :1], y)) == pytest.approx(0.9, abs=1e-9)


def test_dependent_columns_are_no_directions_also_far_from_the_origin():
    x, y = views(5)
    expected = definitions.cca(x[:, :8], y)
    dependent = np.concatenate([x[:, :8], x[:, :8] @ rotation(8, 0)[:, :4]], 1)
    # The rows themselves are rounded: at 2,000 standard deviations to 1e-4 of these.
    for offset, error in ((0, 1e-5), (200 * x.std(), 1e-4), (2000 * x.std(), 1e-2)):
        far, near = single(dependent + offset), single(y)
        assert float(cca(far, near)) == pytest.approx(expected, rel=error)
        found = compare({"x": far, "y": near}, metrics=["cca"])
        assert found.cca_directions.values.tolist() == [8, D]
        assert found.cca.values[0, 1] == pytest.approx(expected, rel=error)
    # A direction of a thousandth of the variance is one.
    small = np.concatenate([x[:, :11], x[:, :11].sum(1, keepdims=True) + 1e-2 * x[:, 11:]], 1)
    assert float(cca(single(small), single(y))) == pytest.approx(definitions.cca(x, y), rel=1e-3)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_sizes_at_the_ends_of_float32(scale):
    x, y = views(9)
    assert float(cca(single(x * scale), single(y))) == pytest.approx(definitions.cca(x, y), rel=1e-5)


def test_with_as_many_columns_as_rows_it_is_one_and_so_is_chance():
    rng = np.random.default_rng(0)
    w, x = single(rng.normal(size=(N, 100))), single(views(0)[0])
    found = compare({"w": w, "x": x}, metrics=["cca", "cca_squared"], permutations=19)
    assert found.cca_directions.values.tolist() == [N - 1, D]
    for name, form in (("cca", "mean"), ("cca_squared", "squared")):
        assert float(cca(w, x, form=form)) == pytest.approx(1, abs=1e-5)
        assert found[name].values[0, 1] == found[f"{name}_chance"].values[0, 1] == 1
        assert found[f"{name}_p"].values[0, 1] == 1
        assert np.isnan(found[f"{name}_calibrated"].values[0, 1])


@pytest.mark.parametrize(
    "n", [2, pytest.param(3, marks=pytest.mark.thorough), pytest.param(13, marks=pytest.mark.thorough)]
)
def test_few_samples(n):
    rng = np.random.default_rng(0)
    x, y = single(rng.normal(size=(n, D))), single(rng.normal(size=(n, 2)))
    assert float(cca(x, y)) == pytest.approx(1, abs=1e-5)
    column, other = x[:, :1], y[:, :1]
    correlation = abs(np.corrcoef(column[:, 0], other[:, 0])[0, 1])
    assert float(cca(column, other)) == pytest.approx(correlation, rel=1e-4)
    assert float(cca(column, other, form="squared")) == pytest.approx(correlation**2, rel=1e-4)


@pytest.mark.parametrize("dtype", [pytest.param("float16", marks=pytest.mark.thorough), "bfloat16"])
def test_16_bit_rows_are_computed_in_float32(dtype):
    x, y = (jnp.asarray(single(v)).astype(dtype) for v in views(6))
    value = cca(x, y)
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(definitions.cca(x, y), rel=1e-5)


@pytest.mark.filterwarnings("ignore:.*(is constant|NaN or infinite)")
def test_constant_or_not_finite_is_nan_and_so_is_the_gradient():
    x, y = map(single, views(7))
    broken, infinite = x.copy(), x.copy()
    broken[3, 2], infinite[5, 1] = np.nan, np.inf
    for bad in (np.full_like(x, 3.3), np.zeros_like(x), broken, infinite):
        for form in FORMS:
            assert np.isnan(cca(bad, y, form=form))
            assert np.isnan(cca(y, bad, form=form))
        assert np.isnan(jax.grad(cca)(bad, y)).all()


def test_jit_and_vmap_equal_the_loop():
    xs, ys = (jnp.asarray(np.stack(v), jnp.float32) for v in zip(*(views(s) for s in range(3)), strict=True))
    loop = [float(cca(x, y)) for x, y in zip(xs, ys, strict=True)]
    np.testing.assert_allclose(jax.jit(jax.vmap(cca))(xs, ys), loop, rtol=1e-5)


@pytest.mark.parametrize("form", [pytest.param("mean", marks=pytest.mark.thorough), "squared"])
def test_gradient_equals_finite_differences(form, float64):
    x, y = views(8)
    y = y[:, :7]
    step = np.random.default_rng(0).normal(size=x.shape)

    def score(v):
        return cca(v, y, form=form)

    gradient = np.asarray(jax.jit(jax.grad(score))(jnp.asarray(x)))
    difference = (float(score(x + 1e-5 * step)) - float(score(x - 1e-5 * step))) / 2e-5
    assert float((gradient * step).sum()) == pytest.approx(difference, rel=1e-5)
    backward = jax.jit(jax.grad(lambda v: cca(y, v, form=form)))(jnp.asarray(x))
    np.testing.assert_allclose(backward, gradient, rtol=1e-6, atol=1e-12)


def test_the_gradient_is_finite_with_itself_and_with_dependent_columns():
    x = single(views(10)[0])
    x[5:9] = x[0]
    x[:, 3], x[:, 4] = 0, x[:, 5]
    for other in (x, single(views(11)[1])):
        assert np.isfinite(jax.grad(cca)(x, other)).all()


def test_mistakes_are_named():
    with pytest.raises(InputError, match="use mean or squared"):
        cca(*views(0), form="max")
    with pytest.raises(ValueError, match="at least 2 samples"):
        cca(np.ones((1, 2)), np.ones((1, 2)))


def test_a_comparison_has_the_same_values():
    x, y = map(single, views(11))
    z = single(np.random.default_rng(0).normal(size=(N, 5)))
    found = compare({"a": x, "b": y, "c": z}, metrics=["cca", "cca_squared"])
    for name, form in (("cca", "mean"), ("cca_squared", "squared")):
        value = found[name].values
        np.testing.assert_array_equal(value.diagonal(), 1)
        assert value[0, 1] == value[1, 0] == pytest.approx(float(cca(x, y, form=form)), rel=1e-5)
        assert value[2, 0] == value[0, 2] == pytest.approx(float(cca(x, z, form=form)), rel=1e-5)


@pytest.mark.parametrize("widths", [(1, 1), (3, 8), (40, 30)])
def test_the_chance_level_is_the_mean_over_permutations(widths):
    """Rows of heavy tails, over whose permutations the squared form has exactly this mean."""
    rng = np.random.default_rng(1)
    x, y = (rng.normal(size=(N, d)) ** 3 for d in widths)
    found = compare({"x": single(x), "y": single(y)}, metrics=["cca", "cca_squared"])
    a, b = (np.linalg.qr(v - v.mean(0))[0] for v in (x, y))
    drawn = np.array([np.linalg.svd(a.T @ b[rng.permutation(N)], compute_uv=False) for _ in range(400)])
    means, squares = drawn.mean(1), (drawn**2).mean(1)
    error = squares.std(ddof=1) / 20
    assert found.cca_squared_chance.values[0, 1] == pytest.approx(max(widths) / (N - 1), rel=1e-6)
    assert found.cca_squared_chance.values[0, 1] == pytest.approx(squares.mean(), abs=4 * error)
    assert found.cca_chance.values[0, 1] == pytest.approx(means.mean(), abs=4 * means.std(ddof=1) / 20 + 0.005)


@pytest.mark.parametrize("name", ["cca", "cca_squared", "svcca", "pwcca", "linear_regression_in_sample"])
def test_as_on_an_accelerator(name):
    """JAX arrays with columns of zeros, as `compare` passes them to a GPU or TPU."""
    x, y = map(single, views(12))
    arrays = [x, np.concatenate([y[:, :8], y[:, :2]], 1), single(np.random.default_rng(0).normal(size=(N, 100)))]
    padded = [jnp.pad(jnp.asarray(v), ((0, 0), (0, 128 - v.shape[1]))) for v in arrays]
    metric, permutations = list_metrics()[name], draw(N, 3)
    results, nulls = [], []
    for models in (arrays, padded):
        context = MetricContext(["a", "b", "c"], models)
        results.append(metric.evaluate(context))
        nulls.append(metric.null(context, permutations))
    tolerance = 5e-4 if name == "pwcca" else 1e-5  # weights of correlations that are nearly equal
    np.testing.assert_allclose(results[1].value, results[0].value, atol=tolerance)
    np.testing.assert_allclose(results[1].chance, results[0].chance, atol=1e-5)
    np.testing.assert_allclose(nulls[1], nulls[0], atol=tolerance)
    for suffix, counts in results[0].extra.items():
        np.testing.assert_array_equal(results[1].extra[suffix], counts)
