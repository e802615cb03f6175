"""Conversion of samples to and from JSON, for a worker in another environment."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base import VIEWS, ProteinAtoms, Sample

# What models read of the info of atoms: total charge and spin multiplicity.
INFO = ("charge", "spin")


def to_wire(sample: Sample, view: str = "any") -> dict[str, Any]:
    """Return one view of a sample, or all views, as plain data; floats are exact."""
    data: dict[str, Any] = {"id": sample.id}
    for name in VIEWS if view == "any" else (view,):
        value = getattr(sample, name)
        if value is None:
            continue
        if isinstance(value, str):
            data[name] = value
        elif isinstance(value, np.ndarray):
            data[name] = {"array": value.tolist(), "dtype": str(value.dtype)}
        elif isinstance(value, ProteinAtoms):
            arrays = {key: item.tolist() for key, item in vars(value).items() if isinstance(item, np.ndarray)}
            data[name] = {**vars(value), **arrays}
        else:
            data[name] = {
                "numbers": value.numbers.tolist(),
                "positions": value.positions.tolist(),
                "cell": value.cell.array.tolist(),
                "pbc": value.pbc.tolist(),
                "info": {key: float(value.info[key]) for key in INFO if value.info.get(key)},
            }
    return data


def from_wire(data: dict[str, Any]) -> Sample:
    """Return the sample from the data that `to_wire` returned."""
    views: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, str):
            views[name] = value
        elif "array" in value:
            views[name] = np.asarray(value["array"], value["dtype"])
        elif "segment" in value:
            views[name] = ProteinAtoms(
                value["sequence"],
                np.asarray(value["residues"], np.int32),
                tuple(value["names"]),
                np.asarray(value["numbers"], np.uint8),
                np.asarray(value["positions"], np.float64).reshape(-1, 3),
                np.asarray(value["b_factors"], np.float32),
                tuple(value["segment"]),
            )
        else:
            from ase import Atoms

            views[name] = Atoms(
                value["numbers"], value["positions"], cell=value["cell"], pbc=value["pbc"], info=value["info"]
            )
    return Sample(**views)
