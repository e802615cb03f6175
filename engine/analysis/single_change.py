"""The same models on two sets of samples: what becomes of a number that each model has by itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.stats import t

from ..base import InputError
from ._matrix import labels_of


@dataclass(frozen=True)
class SingleChange:
    """How a number of each model changes from one set of samples to another.

    Args:
        name: of the number.
        models: names of those that have it on both sets, without controls.
        inside: [c], on the first set.
        outside: [c], on the second.
        factor: geometric mean of outside over inside.
        low: lower end of its 95 % interval, of normal logarithms; NaN for fewer than three models.
        high: upper end.
    """

    name: str
    models: tuple[str, ...]
    inside: np.ndarray
    outside: np.ndarray
    factor: float
    low: float
    high: float


def single_change(inside: xr.Dataset, outside: xr.Dataset, name: str, /) -> SingleChange:
    """Compare a number above 0, such as a dimension, an effective rank or an error, model by model.

    Args:
        inside: as `hyle.engine.compare` gives it.
        outside: the same models on other samples.
        name: of a variable over ``model``.

    Raises:
        ValueError: one of them has no such variable, or no model has it in both.
    """
    for comparison in (inside, outside):
        if name not in comparison.variables or comparison[name].dims != ("model",):
            raise InputError(f"a comparison has no {name!r} of its models")
    kinds = dict(zip(inside["model"].values, labels_of(inside, "modality"), strict=True))
    shared = [m for m in inside["model"].values if m in outside["model"].values and kinds[m] != "control"]
    first, second = (np.asarray(c[name].sel(model=shared).values, np.float64) for c in (inside, outside))
    known = np.isfinite(first) & np.isfinite(second) & (first > 0) & (second > 0)
    first, second = first[known], second[known]
    c = len(first)
    if c == 0:
        raise InputError(f"no model has {name} in both comparisons")
    change = np.log(second / first)
    wide = t.ppf(0.975, c - 1) * change.std(ddof=1) / c**0.5 if c > 2 else np.nan
    middle = change.mean()
    names = tuple(str(m) for m, k in zip(shared, known, strict=True) if k)
    return SingleChange(name, names, first, second, *(float(np.exp(v)) for v in (middle, middle - wide, middle + wide)))
