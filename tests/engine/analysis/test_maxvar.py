"""MAXVAR with ridge against the definition in full, n x n and without any decomposition of the models."""

from __future__ import annotations

import numpy as np
import pytest

from hyle.engine.analysis.maxvar import maxvar, rotation, space, votes_of

RNG = np.random.default_rng(0)
N = 40
# Narrow, wide, of deficient rank, and far from the origin.
PANEL = [
    RNG.normal(size=(N, 5)),
    RNG.normal(size=(N, 90)),
    RNG.normal(size=(N, 3)) @ RNG.normal(size=(3, 8)),
    1e4 + RNG.normal(size=(N, 12)),
]
CODES = np.array([0, 1, 1, 2])


def by_definition(ridge: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the eigenvalues and the mean projection [n, n] by solving the normal equations of each model."""
    total = np.zeros((N, N))
    for rows, vote in zip(PANEL, (1 / 3, 1 / 6, 1 / 6, 1 / 3), strict=True):
        centred = rows - rows.mean(0)
        penalty = ridge * (centred**2).sum()
        normal = centred.T @ centred + penalty * np.eye(rows.shape[1])
        total += vote * centred @ np.linalg.solve(normal, centred.T)
    return np.linalg.eigvalsh(total)[::-1], total


@pytest.mark.parametrize("ridge", [1e-4, 0.01, 1.0])
def test_eigenvalues_and_coordinates_are_those_of_the_definition(ridge: float) -> None:
    fit = maxvar([space(rows) for rows in PANEL], votes_of(CODES), ridge, 6)
    eigenvalues, total = by_definition(ridge)
    np.testing.assert_allclose(fit.eigenvalues, eigenvalues[:6], rtol=1e-6)
    np.testing.assert_allclose(total @ fit.coordinates, fit.coordinates * fit.eigenvalues, atol=1e-6)
    np.testing.assert_allclose(fit.coordinates.T @ fit.coordinates / N, np.eye(6), atol=1e-9)
    np.testing.assert_allclose(fit.coordinates.mean(0), 0, atol=1e-7)


def test_the_estimates_of_the_models_average_to_the_coordinates() -> None:
    fit = maxvar([space(rows) for rows in PANEL], votes_of(CODES), 0.01, 4)
    estimates = [(rows - rows.mean(0)) @ weights for rows, weights in zip(PANEL, fit.weights, strict=True)]
    mean = sum(vote * one for vote, one in zip(votes_of(CODES), estimates, strict=True))
    np.testing.assert_allclose(mean, fit.coordinates * fit.eigenvalues, atol=1e-5)


def test_few_directions_and_many_give_the_same() -> None:
    """The products of columns and of rows are two ways to the same eigenvectors."""
    narrow = [RNG.normal(size=(N, 6)) for _ in range(3)]
    votes = votes_of(np.arange(3))
    few = maxvar([space(rows) for rows in narrow], votes, 0.01, 3)
    padded = [np.hstack([rows, np.zeros((N, 60))]) for rows in narrow]
    wide = maxvar([space(rows @ np.linalg.qr(RNG.normal(size=(66, 66)))[0]) for rows in padded], votes, 0.01, 3)
    np.testing.assert_allclose(few.eigenvalues, wide.eigenvalues, rtol=1e-9)
    turn = rotation(few.coordinates, wide.coordinates)
    np.testing.assert_allclose(few.coordinates @ turn, wide.coordinates, atol=1e-6)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)


def test_two_sets_without_penalty_are_canonical_correlations() -> None:
    first, second = RNG.normal(size=(N, 3)), RNG.normal(size=(N, 4))
    second[:, 0] += first[:, 1]
    fit = maxvar([space(first), space(second)], votes_of(np.arange(2)), 1e-12, 3)
    bases = [np.linalg.qr(rows - rows.mean(0))[0] for rows in (first, second)]
    correlations = np.linalg.svd(bases[0].T @ bases[1], compute_uv=False)
    np.testing.assert_allclose(fit.eigenvalues, (1 + correlations) / 2, rtol=1e-6)


def test_a_family_has_one_vote_and_a_control_none() -> None:
    np.testing.assert_allclose(votes_of(np.array([0, 0, 1, -1])), [0.25, 0.25, 0.5, 0])
