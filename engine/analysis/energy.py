"""Error of a model's energies whatever their reference: the performance axis of the study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from ..base import InputError
from ..preprocess import residuals

# Fewest samples that must contain an element: without data on it, the fit is wrong by the energy of an atom.
COMMON = 5


class EnergyError(NamedTuple):
    """Error of one model's energies after a linear fit of composition for this model.

    Args:
        mae: mean absolute error in the units of the energies; each sample is predicted by a fit without it.
        se: standard error of that mean over samples, or over their groups.
        in_sample: mean absolute error of one fit to all samples, which is optimistic for many elements and few samples.
        leverage: [samples with both energies], how strongly that fit follows each sample's own energy, 0 to 1.
        n: number of samples.
        signed: [all samples], predicted minus true after a fit without the sample; NaN for excluded samples.
    """

    mae: float
    se: float
    in_sample: float
    leverage: np.ndarray
    n: int
    signed: np.ndarray


def energy_error(
    predicted: Any,
    reference: Any,
    counts: Any,
    /,
    *,
    folds: int = 10,
    seed: int = 0,
    groups: Sequence[Any] | None = None,
) -> EnergyError:
    """Compute the mean absolute error of energies that a sum over elements does not explain.

    Codes and functionals differ by a constant for each element. The difference of the energies is therefore regressed
    on the number of atoms of each element, by cross-fitted ridge regression in float64, see `hyle.engine.residuals`.
    Fitting both sides separately in the same way, as the study does, gives the same differences. Samples with an
    element that fewer than five samples contain are excluded: a fit without data on an element is wrong by the energy
    of an atom.

    Args:
        predicted: [n] total energies; NaN where the model gave none, which excludes the sample.
        reference: [n], energies of the same samples in the same units.
        counts: [n, e], number of atoms of each element.
        folds: number of folds of the cross-fit.
        seed: of the folds.
        groups: n labels of samples that are not independent, such as states of one material: they are in one fold, and
            the standard error is over groups.

    Raises:
        ValueError: fewer than 2 ``folds`` samples have both energies and no rare element, or lengths differ.

    Source: Edamadaka et al. (2025), arXiv 2512.03750, whose fit is to the samples that it is evaluated on.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> counts = rng.integers(0, 5, size=(200, 3))
        >>> true = counts @ [-10.0, -20.0, -5.0] + rng.normal(size=200)
        >>> result = energy_error(true + counts @ [1.0, 2.0, 3.0] + 0.1 * rng.normal(size=200), true, counts)
        >>> 0.07 < result.mae < 0.1
        True
    """
    first, second = np.asarray(predicted, np.float64), np.asarray(reference, np.float64)
    composition = np.asarray(counts, np.float64)
    if not len(first) == len(second) == len(composition):
        raise InputError(
            f"lengths differ: {len(first)} predicted and {len(second)} reference energies, "
            f"and {len(composition)} compositions"
        )
    valid = np.isfinite(first) & np.isfinite(second)
    valid[valid] = of_common_elements(composition[valid])
    if valid.sum() < 2 * folds:
        raise InputError(
            f"{valid.sum()} samples have both energies and no rare element, and at least {2 * folds} are needed"
        )
    difference, composition = (first - second)[valid], composition[valid]
    with jax.enable_x64(True):
        kept = None if groups is None else np.asarray(groups).astype(str)[valid]
        of_fold = None if kept is None else kept.tolist()
        left = residuals(difference[:, None], composition, folds=folds, seed=seed, groups=of_fold)
        residual = np.asarray(left)[:, 0]
    absolute = np.abs(residual)
    signed = np.full(len(valid), np.nan)
    signed[valid] = residual
    design = np.concatenate([np.ones((len(composition), 1)), composition], 1)
    u, s, _ = np.linalg.svd(design, full_matrices=False)
    u = u[:, s > 1e-10 * s[0]]
    n = len(difference)
    return EnergyError(
        float(absolute.mean()),
        mean_se(absolute, kept),
        float(np.abs(difference - u @ (u.T @ difference)).mean()),
        (u * u).sum(1),
        n,
        signed,
    )


def mean_se(values: np.ndarray, groups: np.ndarray | None = None) -> float:
    """Return the standard error of the mean of values [n]; over groups of samples [n] if these are given.

    ``se^2 = g / (g - 1) sum_groups (sum of deviations)^2 / n^2`` for g groups, s / sqrt(n) for n groups of one. NaN for
    a single group. Source: cluster-robust variance, Liang & Zeger (1986), Biometrika 73, 13.
    """
    n = len(values)
    labels = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    sums = np.bincount(labels, weights=values - values.mean())
    g = len(sums)
    return float(np.sqrt(g / (g - 1) * (sums**2).sum()) / n) if g > 1 else float("nan")


def of_common_elements(counts: np.ndarray) -> np.ndarray:
    """Find the samples of counts [n, e] all of whose elements occur in at least five of the samples found; bool [n]."""
    kept = np.ones(len(counts), bool)
    while True:
        present = (counts > 0) & kept[:, None]
        rare = present.sum(0) < COMMON
        fewer = kept & ~(present & rare).any(1)
        if (fewer == kept).all():
            return kept
        kept = fewer
