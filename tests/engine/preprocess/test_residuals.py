from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given

from hyle.engine import cka, residuals

from ..samples import EXAMPLES, D, N, rotation, scales, seeds, single

C = 4


def explained(seed, noise=0.3, covariates=C):
    rng = np.random.default_rng(seed)
    c = rng.normal(size=(N, covariates))
    return c @ rng.normal(size=(covariates, D)) + noise * rng.normal(size=(N, D)), c


def defined(x, c, ridge, folds=10, seed=0):
    """Cross-fitted ridge regression, by the normal equations; without a penalty that one of least leave-one-out error,
    every row being left out in turn."""
    x, c = np.asarray(x, np.float64), np.asarray(c, np.float64)
    order = np.random.default_rng(seed).permutation(len(x))
    found = np.empty_like(x)

    def fit(x, c, penalty):
        if np.isinf(penalty):
            return np.zeros((c.shape[1], x.shape[1]))
        return np.linalg.solve(c.T @ c + penalty * np.eye(c.shape[1]), c.T @ x)

    for number in range(folds):
        out = np.sort(order[number::folds])
        own = np.setdiff1d(np.arange(len(x)), out)
        mean, middle, spread = x[own].mean(0), c[own].mean(0), c[own].std(0)
        z = (c - middle) / spread
        largest = np.linalg.norm(z[own], 2) ** 2
        if ridge is None:
            errors = []
            for share in (*np.geomspace(1e-10, 1e2, 25), np.inf):
                error = 0.0
                for i in range(len(own)):
                    # Left out of the fit and of the means.
                    rest = np.delete(own, i)
                    centre_x, centre_z = x[rest].mean(0), z[rest].mean(0)
                    slopes = fit(x[rest] - centre_x, z[rest] - centre_z, share * largest)
                    error += ((x[own[i]] - centre_x - (z[own[i]] - centre_z) @ slopes) ** 2).sum()
                errors.append(error)
            penalty = (*np.geomspace(1e-10, 1e2, 25), np.inf)[int(np.argmin(errors))] * largest
        else:
            penalty = ridge * largest
        found[out] = x[out] - mean - z[out] @ fit(x[own] - mean, z[own], penalty)
    return found


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_definition_with_a_given_penalty(ridge, float64):
    x, c = explained(1)
    np.testing.assert_allclose(residuals(x, c, ridge=ridge), defined(x, c, ridge), atol=1e-10)


@pytest.mark.parametrize("noise", [0.3, 3, 30])
def test_the_penalty_of_least_leave_one_out_error(noise, float64):
    x, c = explained(2, noise)
    np.testing.assert_allclose(residuals(x, c, folds=4), defined(x, c, None, folds=4), atol=1e-9 * noise)


@EXAMPLES
@given(seed=seeds, scale=scales)
def test_turns_and_scales_with_x_and_is_blind_to_units_of_covariates(seed, scale):
    x, c = explained(seed)
    turn = rotation(D, seed)
    # Penalties next to each other can be equally good but for rounding; given, the rest is seen alone.
    expected = np.asarray(residuals(single(x), single(c), ridge=0.01))
    moved = residuals(single((x @ turn + 20) * scale), single((c + 5) * [1e-4, 1, 10, 1e4]), ridge=0.01)
    np.testing.assert_allclose(np.asarray(moved) / scale, expected @ turn, atol=2e-4)


def test_independent_rows_stay_so_where_residuals_of_one_fit_do_not():
    rng = np.random.default_rng(0)
    c = rng.normal(size=(300, 86))
    pairs = single(rng.normal(size=(8, 2, 300, 32)))

    def score(x, y):
        return cka(residuals(x, c), residuals(y, c))

    values = np.asarray(jax.jit(jax.vmap(score))(pairs[:, 0], pairs[:, 1]))
    assert abs(values.mean()) < 0.004
    full = np.c_[np.ones(300), c]
    out = np.eye(300) - full @ np.linalg.pinv(full)
    assert float(cka(single(out @ pairs[0, 0]), single(out @ pairs[0, 1]))) > 0.03


def test_what_is_aligned_through_the_covariates_alone_falls_to_zero_and_the_rest_stays():
    rng = np.random.default_rng(1)
    c, shared = rng.normal(size=(300, 5)), rng.normal(size=(300, 3))

    def view(size):
        own = size * shared @ rng.normal(size=(3, 16)) + 0.3 * rng.normal(size=(300, 16))
        return single(own), single(own + c @ rng.normal(size=(5, 16)))

    (_, x), (_, y) = view(0), view(0)
    assert float(cka(x, y)) > 0.5
    assert abs(float(cka(residuals(x, c), residuals(y, c)))) < 0.02
    (own_x, x), (own_y, y) = view(1), view(1)
    assert float(cka(residuals(x, c), residuals(y, c))) == pytest.approx(float(cka(own_x, own_y)), abs=0.03)


def test_no_row_has_a_part_in_its_own_fit():
    x, c = explained(3)
    before = np.asarray(residuals(single(x), single(c), ridge=0.0))
    x[10] += 100
    after = np.asarray(residuals(single(x), single(c), ridge=0.0))
    np.testing.assert_allclose(after[10] - before[10], 100, rtol=1e-4)


@pytest.mark.thorough
def test_constant_and_dead_columns_have_no_part(float64):
    x, c = explained(4)
    alive = np.asarray(residuals(x, c))
    once = np.zeros((N, 1))
    once[7] = 1  # seen only by the fits that do not have to predict it
    np.testing.assert_allclose(residuals(x, np.c_[c, np.full(N, 3.3), np.zeros(N)]), alive, atol=1e-10)
    # float32 cannot tell the mean of a constant column from the constant.
    with jax.enable_x64(False):
        found = residuals(single(x), single(np.c_[c, np.full(N, 3.3), np.zeros(N)]), ridge=0.0)
        np.testing.assert_allclose(found, residuals(single(x), single(c), ridge=0.0), atol=1e-4)
        assert np.isfinite(residuals(single(x), single(np.c_[c, once]))).all()
    nothing = np.asarray(residuals(x, np.ones((N, 2))))
    np.testing.assert_allclose(nothing, defined(x, explained(0)[1], np.inf), atol=1e-10)


def test_repeated_columns_count_as_one_without_a_penalty(float64):
    x, c = explained(5)
    twice = residuals(x, np.c_[c, c], ridge=0.0)
    np.testing.assert_allclose(twice, residuals(x, c, ridge=0.0), atol=1e-9)


def test_more_covariates_than_rows():
    x, c = explained(6, covariates=100)
    found = np.asarray(residuals(single(x), single(c)))
    assert np.isfinite(found).all()
    assert (found**2).sum() < 1.1 * ((x - x.mean(0)) ** 2).sum()  # never much worse than nothing removed
    # Of no use, they take nothing away.
    x = np.random.default_rng(0).normal(size=(N, D))
    np.testing.assert_allclose(residuals(single(x), single(c), ridge=np.inf), defined(x, c, np.inf), atol=1e-5)


def test_far_from_the_origin_in_float32():
    x, c = explained(7)
    x, c = single(x + 200 * x.std()), single(c + 200)
    np.testing.assert_allclose(residuals(x, c, ridge=0.0), defined(x, c, 0.0), atol=2e-3 * x.std())


def test_folds_come_from_the_seed():
    x, c = map(single, explained(8))
    assert (residuals(x, c, seed=1) == residuals(x, c, seed=1)).all()
    assert not np.allclose(residuals(x, c, seed=1), residuals(x, c, seed=2), atol=1e-4)


def test_jit_vmap_and_bfloat16():
    x, c = explained(9)
    xs = jnp.asarray(np.stack([x, 2 * x[::-1]]), "bfloat16")
    found = jax.jit(jax.vmap(lambda v: residuals(v, single(c), ridge=0.1)))(xs)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found[1], defined(xs[1].astype("float32"), c, 0.1), atol=1e-4)


def test_not_finite_is_nan():
    x, c = map(single, explained(10))
    for broken in range(2):
        pair = [x.copy(), c.copy()]
        pair[broken][3, 2] = np.nan
        assert np.isnan(residuals(*pair)).all()


def test_gradient_equals_finite_differences(float64):
    x, c = explained(11)
    weight, step = np.random.default_rng(0).normal(size=(2, *x.shape))

    def score(v):
        return (residuals(v, c) * weight).sum()

    gradient = np.asarray(jax.jit(jax.grad(score))(jnp.asarray(x)))
    difference = (float(score(x + 1e-6 * step)) - float(score(x - 1e-6 * step))) / 2e-6
    assert float((gradient * step).sum()) == pytest.approx(difference, rel=1e-6)


@pytest.mark.parametrize(
    ("rows", "options", "words"),
    [
        (N - 1, {}, "same sample"),
        (N, {"folds": 1}, "use folds from 2 to 32"),
        (N, {"folds": 33}, "folds=33"),
        (N, {"ridge": -1.0}, "0 or more"),
    ],
)
def test_mistakes_are_named(rows, options, words):
    x, c = explained(0)
    with pytest.raises(ValueError, match=words):
        residuals(x, c[:rows], **options)


def test_states_of_one_material_are_in_one_fold() -> None:
    rng = np.random.default_rng(0)
    material = np.repeat(np.arange(30), 4)
    counts = np.eye(30)[material] + rng.integers(0, 3, size=(30, 30)).max(0)
    x = rng.normal(size=30)[material][:, None]
    # A fit that has seen a material knows its constant; one that has not does not.
    seen = np.abs(np.asarray(residuals(x, counts, folds=4))).mean()
    unseen = np.abs(np.asarray(residuals(x, counts, folds=4, groups=material))).mean()
    assert seen < 0.2 * unseen
    with pytest.raises(ValueError, match="out of range for 3 groups"):
        residuals(np.ones((40, 1)), np.ones((40, 2)), groups=np.arange(40) % 3)
