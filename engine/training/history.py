"""Measurements of a training run by step, and their file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ..base import InputError, MissingFileError, read_netcdf, version, write_netcdf
from .alignment_monitor import flat

Callback = Callable[[int, Mapping[str, float]], object]


class History:
    """Collection of measurements by step, from an `AlignmentMonitor` and any other source.

    Args:
        attributes: attributes of the file, such as `AlignmentMonitor.attributes`.
        callback: called after each measurement with (step, name -> float); names are in the style of loggers, such as
            ``cka/teacher`` and ``loss``. For ``wandb.log`` use ``lambda step, values: wandb.log(values, step=step)``.

    Example:
        >>> calls = []
        >>> history = History(callback=lambda step, values: calls.append((step, values)))
        >>> history.add(0, {"cka": {"teacher": 0.25}}, loss=2.0)
        >>> calls, float(history.dataset().cka.sel(step=0, other="teacher"))
        ([(0, {'cka/teacher': 0.25, 'loss': 2.0})], 0.25)
    """

    def __init__(self, attributes: Mapping[str, Any] | None = None, *, callback: Callback | None = None) -> None:
        self.attributes, self.callback = dict(attributes or {}), callback
        self.rows: dict[int, dict[str, float]] = {}

    def add(self, step: Any, values: Mapping[str, Any], **more: Any) -> None:
        """Add a measurement; it replaces an earlier one of the same step.

        Args:
            step: number of the step.
            values: name -> scalar, or for pair metrics name -> reference -> scalar.
            more: further values, such as ``loss``.
        """
        row = flat({**values, **more})
        self.rows[int(step)] = row
        if self.callback is not None:
            self.callback(int(step), row)

    def dataset(self) -> xr.Dataset:
        """Return the measurements over ``step``, pair metrics over ``step`` and ``other``; missing ones are NaN."""
        steps = sorted(self.rows)
        names = list(dict.fromkeys(name for step in steps for name in self.rows[step]))
        others = list(dict.fromkeys(name.partition("/")[2] for name in names if "/" in name))
        variables: dict[str, Any] = {}
        for name in dict.fromkeys(name.partition("/")[0] for name in names):

            def column(key: str) -> list[float]:
                return [self.rows[step].get(key, np.nan) for step in steps]

            if any(key.startswith(f"{name}/") for key in names):
                table = np.array([column(f"{name}/{other}") for other in others]).T
                attributes = (
                    {"chance": self.attributes[f"{name}_chance"]} if f"{name}_chance" in self.attributes else {}
                )
                variables[name] = (("step", "other"), table, attributes)
            else:
                variables[name] = ("step", np.array(column(name)))
        file_attributes = {**self.attributes, "kind": "history", "hyle_version": version()}
        return xr.Dataset(variables, coords={"step": steps, "other": others}, attrs=file_attributes)


def save_history(history: History, path: str | Path) -> Path:
    """Write a history atomically to one netCDF-4 file, which `hyle report` can plot.

    Raises:
        OutputError: the file cannot be written.
    """
    return write_netcdf(history.dataset(), path)


def load_history(path: str | Path) -> xr.Dataset | None:
    """Read a file written by `save_history`; return None for any other file, also one that is damaged."""
    try:
        data = read_netcdf(path)
    except (InputError, MissingFileError):
        return None
    return data if data.attrs.get("kind") == "history" and "step" in data.dims else None
