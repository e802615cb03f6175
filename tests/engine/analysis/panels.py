"""Comparisons with planted scores."""

from __future__ import annotations

import numpy as np
import xarray as xr


def comparison(values: np.ndarray, names: list[str] | None = None, **facts: object) -> xr.Dataset:
    names = names or [f"m{i}" for i in range(len(values))]
    found = xr.Dataset(
        {"cknna": (("model", "other"), values, {"kind": "pair", "higher_is_better": "yes"})},
        coords={"model": names, "other": names},
    )
    for name, fact in facts.items():
        found[name] = ("model", fact)
    return found
