"""Whether better models are closer to the best one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr

from ..base import InputError
from ._matrix import CONTROL, alignment_of, model_facts
from .families import PERMUTATIONS, families_of
from .family_tests import correlate_models


@dataclass(frozen=True)
class Convergence:
    """Error against alignment with a reference, over models.

    Args:
        models: names of the c models compared with the reference; of other families where the reference's own family is
            excluded.
        error: [c], error of each model.
        alignment: [c], alignment of each with the reference, or its mean over several references.
        reference: names of the reference models.
        correlation: Spearman correlation of error and alignment, each averaged over families first; negative where
            better families are closer. NaN for fewer than three families.
        low: lower end of its 95 % interval; NaN for fewer than six families, or where models of the reference's own
            family are among the models, which are similar to it by construction.
        high: upper end.
        p: two-sided, by permutation of the families; NaN where there is no interval.
        families: number of families of the models.
        smallest_p: the smallest p that so many families can give.
    """

    models: tuple[str, ...]
    error: np.ndarray
    alignment: np.ndarray
    reference: tuple[str, ...]
    correlation: float
    low: float
    high: float
    p: float
    families: int
    smallest_p: float

    @property
    def n(self) -> int:
        """Number of models."""
        return len(self.models)


def convergence(
    comparison: xr.Dataset,
    metric: str = "cknna",
    /,
    *,
    error: str = "energy_mae",
    reference: str | None = None,
    top: int = 1,
    other_families: bool = True,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Convergence:
    """Correlate the error of models with their alignment to the best model, over families. Controls are excluded.

    Args:
        comparison: result of `hyle.engine.compare`, with a variable of errors over ``model``; ``family`` and
            ``modality`` are used where present.
        metric: name of a pair metric in it.
        error: name of the variable; lower is better, NaN where a model has none.
        reference: name of the model to use as the best; default: the model with the lowest error.
        top: number of best models to average over; a model is never compared with itself.
        other_families: exclude models of the reference's own family, which are similar by construction. If they are
            included, the correlation is a description without p and interval.
        permutations: number of permutations of the families; up to seven families all are enumerated.
        seed: of the permutations.

    Raises:
        ValueError: no such metric, errors or reference, or fewer than two models have errors.
    """
    if error not in comparison.variables:
        raise InputError(f"the comparison has no {error!r}: it needs an error of each model")
    values, errors = alignment_of(comparison, metric), comparison[error].values.astype(np.float64)
    names, families = [str(name) for name in comparison["model"].values], families_of(comparison)
    is_model = model_facts(comparison, "modality") != CONTROL
    by_error = [i for i in np.argsort(errors, kind="stable") if is_model[i] and np.isfinite(errors[i])]
    if len(by_error) < 2:
        raise InputError(f"{len(by_error)} of {len(names)} models have {error}, and at least two are needed")
    if reference is not None and reference not in names:
        raise InputError(f"no model is called {reference!r}; there are {', '.join(names)}")
    best = by_error[:top] if reference is None else [names.index(reference)]
    own = set(families[best].tolist())
    is_best = {best[0]} if len(best) == 1 else set()
    chosen = [i for i in by_error if i not in is_best and not (other_families and families[i] in own)]
    alignment = np.array([np.nanmean([values[i, j] for j in best if j != i]) for i in chosen])
    chosen_errors, nan = errors[chosen], math.nan
    test = correlate_models(chosen_errors, alignment, families[chosen], permutations=permutations, seed=seed)
    independent = not own & set(families[chosen].tolist())
    return Convergence(
        tuple(names[i] for i in chosen),
        chosen_errors,
        alignment,
        tuple(names[i] for i in best),
        test.value,
        *((test.low, test.high, test.p) if independent else (nan, nan, nan)),
        families=test.families,
        smallest_p=test.smallest_p,
    )
