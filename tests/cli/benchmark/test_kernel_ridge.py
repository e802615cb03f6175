"""Kernel ridge regression against scikit-learn, and folds that keep groups together."""

from __future__ import annotations

import numpy as np
import pytest

from hyle.cli.benchmark.kernel_ridge import (
    PENALTIES,
    cross_predict,
    explained_shares,
    fit_predict,
    fold_by_group,
    gaussian_kernel,
    linear_kernels,
    principal_axes,
)

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(60, 6)) * np.geomspace(3, 0.2, 6)
Y = (X @ GENERATOR.normal(size=6) + 0.5 * GENERATOR.normal(size=60))[:, None]
TRAIN, TEST = np.arange(45), np.arange(45, 60)


def left_out_error(penalty: float, groups: np.ndarray) -> float:
    from sklearn.linear_model import Ridge

    x, y, error = X[TRAIN], Y[TRAIN, 0], 0.0
    for group in np.unique(groups):
        out = groups == group
        # The mean and the ridge of all training rows, as in the leave-one-out formula, but without the group.
        fit = Ridge(alpha=penalty).fit(x[~out], y[~out])
        error += float(((y[out] - fit.predict(x[out])) ** 2).sum())
    return error


@pytest.mark.parametrize("size", [1, 3])
def test_the_penalty_and_the_prediction_are_those_of_explicit_refits(size: int) -> None:
    from sklearn.linear_model import Ridge

    kernel = X @ X.T
    labels = np.arange(60) // size
    centred = X[TRAIN] - X[TRAIN].mean(0)
    penalties = PENALTIES * np.linalg.eigvalsh(centred @ centred.T)[-1]
    best = min(penalties, key=lambda penalty: left_out_error(penalty, labels[TRAIN]))
    expected = Ridge(alpha=best).fit(X[TRAIN], Y[TRAIN, 0]).predict(X[TEST])
    predicted = fit_predict([kernel], Y, TRAIN, TEST, groups=[str(label) for label in labels])[:, 0]
    np.testing.assert_allclose(predicted, expected, rtol=1e-6)


def test_columns_of_one_block_share_a_choice_and_others_do_not() -> None:
    noise = GENERATOR.normal(size=(60, 3))
    kernels = [X @ X.T]
    together = fit_predict(kernels, np.hstack([Y, noise]), TRAIN, TEST, blocks=[1, 3])
    np.testing.assert_allclose(together[:, :1], fit_predict(kernels, Y, TRAIN, TEST))
    np.testing.assert_allclose(together[:, 1:], fit_predict(kernels, noise, TRAIN, TEST))


def test_nothing_to_learn_gives_the_mean() -> None:
    predicted = fit_predict([np.zeros((60, 60))], Y, TRAIN, TEST)
    np.testing.assert_allclose(predicted, np.broadcast_to(Y[TRAIN].mean(0), (15, 1)))
    shares = explained_shares([GENERATOR.normal(size=(60, 4)) @ GENERATOR.normal(size=(4, 60))], {"y": Y})
    assert shares["y"] < 0.2


def test_groups_stay_in_one_fold() -> None:
    groups = [f"g{i % 17}" for i in range(100)]
    fold = fold_by_group(groups, 5, 0)
    assert all(len({fold[i] for i in range(100) if groups[i] == one}) == 1 for one in set(groups))
    assert np.bincount(fold).max() - np.bincount(fold).min() <= 6
    order = np.random.default_rng(1).permutation(100)
    again = fold_by_group([groups[i] for i in order], 5, 0)
    np.testing.assert_array_equal(again, fold[order])
    assert not np.array_equal(fold, fold_by_group(groups, 5, 1))


def test_axes_do_not_depend_on_rotation_or_unit() -> None:
    axes = principal_axes(X)
    rotation = np.linalg.qr(GENERATOR.normal(size=(6, 6)))[0]
    other = principal_axes(7 * np.hstack([X, np.ones((60, 1))]) @ np.linalg.qr(GENERATOR.normal(size=(7, 7)))[0] + 3)
    for one in (principal_axes(X @ rotation), other):
        np.testing.assert_allclose(np.abs(one), np.abs(axes), atol=1e-8)
    assert (axes**2).sum() / 60 == pytest.approx(1)
    assert principal_axes(np.ones((5, 3))).shape == (5, 0)
    first, second = linear_kernels(axes)
    np.testing.assert_allclose(np.trace(first), np.trace(second))
    kernel = gaussian_kernel(axes)
    assert np.median(kernel[np.triu_indices(60, 1)]) == pytest.approx(np.exp(-1), rel=0.02)


def test_cross_predictions_of_a_fold_do_not_see_it() -> None:
    fold = fold_by_group([str(i) for i in range(60)], 5, 0)
    changed = Y.copy()
    changed[fold == 2] += 100
    kernels = [X @ X.T]
    np.testing.assert_allclose(
        cross_predict(kernels, Y, fold)[fold == 2], cross_predict(kernels, changed, fold)[fold == 2]
    )
