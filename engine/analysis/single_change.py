"""How a number of each single model changes from one set of samples to another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from ..base import InputError
from ._matrix import CONTROL, model_facts
from .families import count_families, families_of, mean_over_families


@dataclass(frozen=True)
class SingleChange:
    """Change of a number of each model from one set of samples to another.

    Args:
        name: of the number.
        models: names of the c models with a value on both sets, without controls.
        inside: [c], values on the first set.
        outside: [c], values on the second set.
        factor: geometric mean over families of outside divided by inside.
        low: lower end of its 95 % interval, by the t distribution over the means of the families; NaN for fewer than
            six families.
        high: upper end.
        families: number of families.
    """

    name: str
    models: tuple[str, ...]
    inside: np.ndarray
    outside: np.ndarray
    factor: float
    low: float
    high: float
    families: int


def single_change(inside: xr.Dataset, outside: xr.Dataset, name: str, /) -> SingleChange:
    """Compare a number above 0, such as a dimension, an effective rank or an error, model by model.

    Args:
        inside: result of `hyle.engine.compare`.
        outside: result for the same models on other samples.
        name: of a variable over ``model``. Models whose value is not above 0 in both are excluded.

    Raises:
        ValueError: one Comparison has no such variable, or no model has a value in both.
    """
    for comparison in (inside, outside):
        if name not in comparison.variables or comparison[name].dims != ("model",):
            raise InputError(f"a comparison has no {name!r} of its models")
    modality = dict(zip(inside["model"].values, model_facts(inside, "modality"), strict=True))
    shared = [m for m in inside["model"].values if m in outside["model"].values and modality[m] != CONTROL]
    first, second = (np.asarray(c[name].sel(model=shared).values, np.float64) for c in (inside, outside))
    valid = np.isfinite(first) & np.isfinite(second) & (first > 0) & (second > 0)
    first, second = first[valid], second[valid]
    if not valid.any():
        raise InputError(f"no model has {name} in both comparisons")
    families = families_of(inside.sel(model=shared))[valid]
    mean, low, high = np.exp(mean_over_families(np.log(second / first), families))
    names = tuple(str(model) for model, keep in zip(shared, valid, strict=True) if keep)
    return SingleChange(name, names, first, second, float(mean), float(low), float(high), count_families(families))
