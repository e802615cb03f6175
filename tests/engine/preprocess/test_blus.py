from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given

from hyle.engine import ExplainedWarning, blus_residuals, cka, compare, residuals

from ..samples import EXAMPLES, D, N, rotation, scales, seeds


def explained(seed, noise=0.3, covariates=4):
    rng = np.random.default_rng(seed)
    c = rng.normal(size=(N, covariates))
    return c @ rng.normal(size=(covariates, D)) + noise * rng.normal(size=(N, D)), c


def test_definition_by_whole_matrices(float64):
    x, c = explained(1)
    rows, found = blus_residuals(x, c)
    whole = np.concatenate([np.ones((N, 1)), c], 1)
    projection = np.eye(N) - whole @ np.linalg.pinv(whole)
    kept = projection[rows]
    values, vectors = np.linalg.eigh(kept @ kept.T)
    root = vectors @ np.diag(values**-0.5) @ vectors.T
    np.testing.assert_allclose(found, root @ kept @ x, atol=1e-8)
    # Their covariance is that of the rows: the identity.
    np.testing.assert_allclose(root @ kept @ kept.T @ root, np.eye(len(rows)), atol=1e-10)


@EXAMPLES
@given(seed=seeds, scale=scales)
def test_turns_and_scales_with_x_and_is_blind_to_the_units_of_covariates(seed, scale):
    x, c = explained(seed)
    turn = rotation(D, seed)
    rows, expected = blus_residuals(x, c)
    others, moved = blus_residuals((x @ turn + 20) * scale, (c + 5) * [1e-4, 1, 10, 1e4])
    np.testing.assert_array_equal(rows, others)
    np.testing.assert_allclose(np.asarray(moved) / scale, np.asarray(expected) @ turn, atol=2e-4)


def test_rows_with_nothing_else_in_common_are_not_aligned():
    rng = np.random.default_rng(0)
    n, c = 120, rng.poisson(3, size=(120, 20)).astype(float)

    def pair():
        return [c @ rng.normal(size=(20, 15)) + rng.normal(size=(n, 15)) for _ in range(2)]

    corrected, held_out = [], []
    for _ in range(40):
        x, y = pair()
        corrected.append(float(cka(blus_residuals(x, c)[1], blus_residuals(y, c)[1])))
        held_out.append(float(cka(residuals(x, c), residuals(y, c))))
    error = np.std(corrected) / 40**0.5
    assert abs(np.mean(corrected)) < 3 * error
    assert np.mean(held_out) > 3 * error  # what this is there for


def test_noise_beyond_covariates_is_significant_in_about_a_twentieth_of_pairs():
    rng = np.random.default_rng(1)
    n, m, c = 60, 48, rng.poisson(3, size=(60, 4)).astype(float)
    models = {f"m{i:02d}": c @ rng.normal(size=(4, 12)) + 1.5 * rng.normal(size=(n, 12)) for i in range(m)}
    metrics = ("cka", "mutual_knn", "information_imbalance", "distance_correlation")
    found = compare(models, metrics=metrics, k=6, permutations=54, covariates=c)
    pairs = np.triu_indices(m, 1)
    assert found.attrs["n"] == n - 5
    for name in metrics:
        assert 0.025 <= (found[f"{name}_p"].values[pairs] <= 0.05).mean() <= 0.075
        assert found[f"{name}_raw"].values[pairs].mean() != pytest.approx(found[name].values[pairs].mean(), abs=0.1)


def test_what_is_shared_beyond_the_covariates_stays():
    rng = np.random.default_rng(2)
    c, shared = rng.normal(size=(200, 3)), rng.normal(size=(200, 5))
    models = {name: c @ rng.normal(size=(3, 9)) * 5 + shared @ rng.normal(size=(5, 9)) for name in "ab"}
    found = compare(models, metrics=["cka"], covariates=c, permutations=99)
    alone = compare({"a": shared, "b": shared @ rng.normal(size=(5, 9))}, metrics=["cka"])
    assert found.cka_p.sel(model="a", other="b") == pytest.approx(0.01)
    assert float(found.cka.sel(model="a", other="b")) > 0.5 * float(alone.cka.sel(model="a", other="b"))


def test_who_alone_has_an_element_is_given_up():
    x, _ = explained(3)
    c = np.zeros((N, 3))
    c[7, 0] = c[11, 1] = 1
    c[:, 2] = np.arange(N) % 5
    rows, found = blus_residuals(x, c)
    assert {7, 11}.isdisjoint(rows)
    assert len(rows) == N - 4
    assert np.isfinite(np.asarray(found)).all()


def test_constant_and_repeated_columns_have_no_part():
    x, c = explained(4)
    rows, found = blus_residuals(x, c)
    others, same = blus_residuals(x, np.concatenate([c, c[:, :2] * 3 - 1, np.full((N, 2), 1e3 / 3)], 1))
    np.testing.assert_array_equal(rows, others)
    np.testing.assert_allclose(found, same, atol=1e-5)
    rows, found = blus_residuals(x, np.ones((N, 1)))
    assert len(rows) == N - 1


def test_dtypes():
    x, c = explained(5)
    assert blus_residuals(jnp.asarray(x, jnp.bfloat16), c)[1].dtype == jnp.float32
    given = torch.tensor(c).bfloat16()
    np.testing.assert_allclose(blus_residuals(x, given)[1], blus_residuals(x, given.float())[1])


def test_raw_scores_are_centred_as_the_others():
    x, c = explained(7)
    options = {"metrics": ["mutual_knn"], "k": 5, "centre": True}
    found = compare({"a": x + 3, "b": x[:, :3] + 3}, covariates=c, **options)
    rows = blus_residuals(x, c)[0]
    alone = compare({"a": x[rows] + 3, "b": x[rows][:, :3] + 3}, **options)
    np.testing.assert_allclose(found.mutual_knn_raw, alone.mutual_knn)


def test_mistakes_are_named():
    x, c = explained(6)
    with pytest.raises(ValueError, match=f"x has {N - 1} rows and covariates {N}"):
        blus_residuals(x[1:], c)
    with pytest.raises(ValueError, match="leave 0, and at least 4"):
        blus_residuals(x, np.random.default_rng(0).normal(size=(N, N)))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("n", [30, 400])
def test_columns_that_covariates_explain_are_nothing(dtype: str, n: int) -> None:
    rng = np.random.default_rng(n)
    composition = rng.dirichlet(np.full(6, 0.3), size=n).astype(np.float32)
    explained = (composition @ rng.normal(size=(6, 40)).astype(np.float32) + 3).astype(dtype)
    _, residuals = blus_residuals(np.concatenate([explained, np.tanh(9 * composition).astype(dtype)], 1), composition)
    assert not np.asarray(residuals[:, :40]).any()
    assert (np.abs(residuals[:, 40:]).max(0) > 1e-3).all()
    # A small part that is not explained is kept: a hundredth of the column.
    noisy = (composition[:, :1] + 0.01 * rng.normal(size=(n, 1))).astype(dtype)
    assert np.asarray(blus_residuals(noisy, composition)[1]).std() == pytest.approx(0.01, rel=0.5)


def test_a_model_that_covariates_explain_wholly_has_no_score_and_is_named() -> None:
    rng = np.random.default_rng(0)
    c = rng.normal(size=(60, 3))
    models = {"composition": c, "twice": 2 * c[:, ::-1], "other": rng.normal(size=(60, 3)), "another": c**2}
    names = ["cka", "cka_rbf", "distance_correlation", "mutual_knn", "cknna", "information_imbalance", "rsa"]
    names += ["procrustes", "reconstruction_error", "id_correlation"]
    with pytest.warns(ExplainedWarning, match="explain composition, twice wholly"):
        found = compare(models, covariates=c, metrics=names, k=5, permutations=9)
    assert found.attrs["explained"] == "composition, twice"
    for name in names:
        assert np.isnan(found[name].sel(model="composition")).all(), name
        assert np.isnan(found[f"{name}_p"].sel(model="composition", other="twice")), name
        assert np.isfinite(found[name].sel(model="other", other="another")), name


def test_groups_as_a_list_are_those_of_all_samples() -> None:
    rng = np.random.default_rng(0)
    models, c = {name: rng.normal(size=(40, 4)) for name in "ab"}, rng.normal(size=(40, 2))
    labels = [f"g{i % 7}" for i in range(40)]
    options = {"covariates": c, "metrics": ["cka"], "permutations": 9, "jackknife_groups": 6}
    listed = compare(models, groups=labels, **options)
    mapped = compare(models, groups={str(i): label for i, label in enumerate(labels)}, **options)
    xr.testing.assert_identical(listed, mapped)
    with pytest.raises(ValueError, match="37 labels"):
        compare(models, groups=labels[:37], **options)
