"""Ridge regression whose penalty and scaling of the columns are chosen by leave-one-out errors of the training rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Penalties that are tried, for columns of variance 1 on average.
PENALTIES = np.geomspace(1e-3, 1e6, 19)
# A row whose prediction depends on the row itself alone has no leave-one-out error.
SMALLEST_REMAINDER = 1e-9


class Ridge(NamedTuple):
    """A fitted ridge regression.

    Args:
        mean: [d], column means of the training rows.
        coefficients: [d], of the columns in their units.
        intercept: mean of the training labels.
        scaled: whether each column was divided by its standard deviation; else all by one number.
        penalty: of the coefficients after this division.
        error: leave-one-out mean squared error of the training rows, the smallest of all that were tried.
    """

    mean: np.ndarray
    coefficients: np.ndarray
    intercept: float
    scaled: bool
    penalty: float
    error: float

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Predict the labels [n] of rows [n, d]."""
        return np.asarray((np.asarray(x, np.float64) - self.mean) @ self.coefficients + self.intercept)


class _Spectrum(NamedTuple):
    """Eigendecomposition of the training rows after one way of scaling.

    Args:
        eigenvalues: [q], of the product of the rows with themselves, without the columns' means.
        scores: [n, q], rows in the coordinates of the eigenvectors.
        back: [d, q], from coefficients of the scores to coefficients of the scaled columns.
    """

    eigenvalues: np.ndarray
    scores: np.ndarray
    back: np.ndarray


def fit_ridge(x: np.ndarray, y: np.ndarray) -> Ridge:
    """Fit a ridge regression, with penalty and scaling by the leave-one-out error of the training rows.

    Two ways of scaling are tried: each column by its standard deviation, which suits columns of different units, and
    all columns by one number, which suits counts, where rare columns would otherwise be as long as frequent ones. The
    one number makes the result independent of the unit of the rows, so that unscaled rows need no third way.

    Args:
        x: [n, d].
        y: [n].

    Cost O(n d min(n, d)): one product of the rows, or of the columns, for each way or for both, and two
    eigendecompositions. Leave-one-out errors follow from the leverages: Golub, Heath & Wahba (1979), Technometrics 21.
    """
    mean = x.mean(0)
    points = x - mean
    size = np.abs(points).max(0)
    # Columns below the rounding error of their mean are constant.
    varies = size > 8 * np.finfo(np.float64).eps * np.abs(mean)
    points = points[:, varies] / size[varies]
    relative = points.std(0)
    standardised, spread = points / relative, relative * (size[varies] / size.max() if varies.any() else 1)
    length = float(np.sqrt((spread**2).mean())) if varies.any() else 1.0
    scales = {True: np.ones(len(spread)), False: spread / length}
    level = float(np.abs(y - y.mean()).max()) or 1.0
    target = (y - y.mean()) / level

    # A product of columns serves both ways of scaling; a product of rows does not.
    product = standardised.T @ standardised if len(spread) < len(y) else None
    best: tuple[float, bool, float, np.ndarray] | None = None
    for scaled, scale in scales.items():
        spectrum = _spectrum(standardised, scale, product)
        errors = _leave_one_out(spectrum, target)
        chosen = int(errors.argmin())
        if best is None or errors[chosen] < best[0]:
            penalty = PENALTIES[chosen]
            inner = spectrum.back @ (spectrum.scores.T @ target / (spectrum.eigenvalues + penalty))
            best = float(errors[chosen]), scaled, float(penalty), inner * scale
    assert best is not None
    error, scaled, penalty, weights = best
    coefficients = np.zeros(x.shape[1])
    coefficients[varies] = weights / relative / size[varies] * level
    return Ridge(mean, coefficients, float(y.mean()), scaled, penalty, error * level**2)


def _spectrum(standardised: np.ndarray, scale: np.ndarray, product: np.ndarray | None) -> _Spectrum:
    """Decompose standardised rows times a scale [d], from the product of their columns if there is one."""
    if product is not None:
        eigenvalues, vectors = np.linalg.eigh(scale[:, None] * product * scale)
        return _Spectrum(np.maximum(eigenvalues, 0), standardised @ (scale[:, None] * vectors), vectors)
    rows = standardised * scale
    eigenvalues, vectors = np.linalg.eigh(rows @ rows.T)
    eigenvalues = np.maximum(eigenvalues, 0)
    scores = vectors * np.sqrt(eigenvalues)
    # The smallest eigenvalue belongs to the mean, which was subtracted: it has no direction among the columns.
    root = np.sqrt(np.where(eigenvalues > eigenvalues.max(initial=0) * len(rows) * 1e-16, eigenvalues, np.inf))
    return _Spectrum(eigenvalues, scores, (rows.T @ vectors) / root)


def _leave_one_out(spectrum: _Spectrum, target: np.ndarray) -> np.ndarray:
    """Compute the leave-one-out mean squared error of a centred target [n] for each penalty."""
    shrunk = 1 / (spectrum.eigenvalues[:, None] + PENALTIES)
    residuals = target[:, None] - spectrum.scores @ ((spectrum.scores.T @ target)[:, None] * shrunk)
    remainders = 1 - 1 / len(target) - spectrum.scores**2 @ shrunk
    known = remainders > SMALLEST_REMAINDER
    return np.asarray((np.where(known, residuals / np.where(known, remainders, 1), np.inf) ** 2).mean(0))
