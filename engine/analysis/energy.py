"""How well a model knows energies, whatever its reference: the study's performance axis."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np

from ..base import InputError
from ..preprocess import residuals

# Samples that an element must be in: what a fit says of one that it has not seen is off by the energy of an atom.
COMMON = 5


class EnergyError(NamedTuple):
    """The error of one model's energies after its own linear fit of composition.

    Args:
        mae: mean absolute error in the units of the energies, every sample by a fit without it.
        se: standard error of that mean over samples.
        in_sample: the same by one fit to all samples, which flatters where elements are many and samples few.
        leverage: [samples with both energies], how far that fit follows each sample's own energy, 0 to 1.
        n: samples.
        signed: [all samples], predicted less true after that fit, by a fit without the sample; NaN for one left out.
    """

    mae: float
    se: float
    in_sample: float
    leverage: np.ndarray
    n: int
    signed: np.ndarray


def energy_error(predicted: Any, reference: Any, counts: Any, /, *, folds: int = 10, seed: int = 0) -> EnergyError:
    """Mean absolute error of energies beyond what a sum over elements explains.

    Samples with an element that fewer than five of them have are left out, for a fit that has not seen it is off by the
    energy of an atom. Codes and functionals differ by a constant for each element. The difference of the energies is
    regressed on how many atoms of each element a sample has; of the same fits to both sides, which the study makes, the
    differences are alike. Cross-fitted ridge regression in float64, see `hyle.engine.residuals`.

    Args:
        predicted: [n] total energies; NaN where the model gave none, which leaves the sample out.
        reference: [n], of the same samples and in the same units.
        counts: [n, e], atoms of each element.
        folds: of the cross-fit.
        seed: of the folds.

    Raises:
        ValueError: fewer than 2 folds' worth of samples have both energies, or lengths differ.

    Source: Edamadaka et al. (2025), arXiv 2512.03750, whose fit is to the samples that it is measured on.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> counts = rng.integers(0, 5, size=(200, 3))
        >>> true = counts @ [-10.0, -20.0, -5.0] + rng.normal(size=200)
        >>> found = energy_error(true + counts @ [1.0, 2.0, 3.0] + 0.1 * rng.normal(size=200), true, counts)
        >>> 0.07 < found.mae < 0.1
        True
    """
    first, second = np.asarray(predicted, np.float64), np.asarray(reference, np.float64)
    known = np.asarray(counts, np.float64)
    if not len(first) == len(second) == len(known):
        raise InputError(f"{len(first)} predicted and {len(second)} reference energies, and {len(known)} compositions")
    both = np.isfinite(first) & np.isfinite(second)
    both[both] = of_common_elements(known[both])
    if both.sum() < 2 * folds:
        raise InputError(
            f"{both.sum()} samples have both energies and no rare element, and at least {2 * folds} are needed"
        )
    apart, known = (first - second)[both], known[both]
    with jax.enable_x64(True):
        left = np.asarray(residuals(apart[:, None], known, folds=folds, seed=seed))[:, 0]
    missed = np.abs(left)
    signed = np.full(len(both), np.nan)
    signed[both] = left
    whole = np.concatenate([np.ones((len(known), 1)), known], 1)
    u, s, _ = np.linalg.svd(whole, full_matrices=False)
    u = u[:, s > 1e-10 * s[0]]
    n = len(apart)
    return EnergyError(
        float(missed.mean()),
        float(missed.std(ddof=1) / n**0.5),
        float(np.abs(apart - u @ (u.T @ apart)).mean()),
        (u * u).sum(1),
        n,
        signed,
    )


def of_common_elements(counts: np.ndarray) -> np.ndarray:
    """Bool [n], the samples of counts [n, e] all of whose elements at least five of these samples have."""
    kept = np.ones(len(counts), bool)
    while True:
        seen = (counts > 0) & kept[:, None]
        rare = seen.sum(0) < COMMON
        fewer = kept & ~(seen & rare).any(1)
        if (fewer == kept).all():
            return kept
        kept = fewer
