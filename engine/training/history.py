"""What was measured during a run, step by step, as one small file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ..base import version
from ..comparison import save_comparison
from .alignment_monitor import flat

Callback = Callable[[int, Mapping[str, float]], object]


class History:
    """Collects measurements: step -> values, of an `AlignmentMonitor` and whatever else there is to say of a step.

    Args:
        attributes: facts for the file, such as `AlignmentMonitor.attributes`.
        callback: called after each measurement with (step, name -> float), the names as loggers like them:
            ``cka/teacher``, ``loss``. ``wandb.log`` takes it as ``lambda step, values: wandb.log(values, step=step)``.

    Example:
        >>> seen = []
        >>> history = History(callback=lambda step, values: seen.append((step, values)))
        >>> history.add(0, {"cka": {"teacher": 0.25}}, loss=2.0)
        >>> seen, float(history.dataset().cka.sel(step=0, other="teacher"))
        ([(0, {'cka/teacher': 0.25, 'loss': 2.0})], 0.25)
    """

    def __init__(self, attributes: Mapping[str, Any] | None = None, *, callback: Callback | None = None) -> None:
        self.attributes, self.callback = dict(attributes or {}), callback
        self.rows: dict[int, dict[str, float]] = {}

    def add(self, step: Any, values: Mapping[str, Any], **more: Any) -> None:
        """Remember a measurement, in place of one of the same step: scalars, or name -> scalar for a panel."""
        row = flat({**values, **more})
        self.rows[int(step)] = row
        if self.callback is not None:
            self.callback(int(step), row)

    def dataset(self) -> xr.Dataset:
        """Return what was measured over ``step``, pair metrics over ``step`` and ``other``; NaN where it was not."""
        steps = sorted(self.rows)
        names = list(dict.fromkeys(name for step in steps for name in self.rows[step]))
        others = list(dict.fromkeys(name.partition("/")[2] for name in names if "/" in name))
        variables: dict[str, Any] = {}
        for name in dict.fromkeys(name.partition("/")[0] for name in names):

            def column(key: str) -> list[float]:
                return [self.rows[step].get(key, np.nan) for step in steps]

            if any(key.startswith(f"{name}/") for key in names):
                table = np.array([column(f"{name}/{other}") for other in others]).T
                facts = {"chance": self.attributes[f"{name}_chance"]} if f"{name}_chance" in self.attributes else {}
                variables[name] = (("step", "other"), table, facts)
            else:
                variables[name] = ("step", np.array(column(name)))
        attributes = {**self.attributes, "kind": "history", "hyle_version": version()}
        return xr.Dataset(variables, coords={"step": steps, "other": others}, attrs=attributes)


def save_history(history: History, path: str | Path) -> Path:
    """Write a history to one netCDF-4 file, which `hyle report` draws; beside its place and renamed."""
    return save_comparison(history.dataset(), path)


def load_history(path: str | Path) -> xr.Dataset | None:
    """Read what `save_history` wrote; None where the file is no history."""
    try:
        found = xr.load_dataset(path, engine="h5netcdf")
    except (OSError, ValueError):
        return None
    return found if found.attrs.get("kind") == "history" and "step" in found.dims else None
