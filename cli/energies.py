"""The energies of models against those of their samples: the performance axis of a Comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from hyle.zoo import Dataset, Representation, Sample

if TYPE_CHECKING:
    import xarray as xr

    from hyle.engine.analysis import EnergyError

# Energies of model and samples, at least, of which an error is given.
LEAST = 20


def add_energy_errors(comparison: xr.Dataset, representations: Sequence[Representation], data: Dataset) -> None:
    """Add ``energy_mae`` and ``energy_mae_se`` over ``model``, in eV, where models and samples have energies.

    After each model's own fit of composition, see `hyle.engine.analysis.energy_error`; NaN for a model without
    energies, and nothing is added where no model has any or the samples have none.
    """
    known = [rep for rep in representations if rep.energies is not None]
    if not known or not (n := len(_with_energies(data))):
        return
    found = [energy_error_of(rep, data) for rep in representations]
    errors = np.array([(one.mae, one.se) if one else (np.nan, np.nan) for one in found])
    attributes = {
        "long_name": "mean absolute energy error",
        "units": "eV",
        "estimator": "after each model's own fit of composition, cross-fitted ridge",
        "n": n,
    }
    comparison["energy_mae"] = ("model", errors[:, 0], attributes)
    comparison["energy_mae_se"] = ("model", errors[:, 1], {"kind": "se", "of": "energy_mae"})


def energy_error_of(representation: Representation, data: Dataset) -> EnergyError | None:
    """Give the error of one model's energies, None where model or samples have none, or fewer than 20 of both."""
    from hyle.engine.analysis import energy_error

    samples = _with_energies(data)
    if representation.energies is None or not samples:
        return None
    of_id = dict(zip(representation.ids, representation.energies, strict=True))
    predicted = np.array([of_id.get(sample.id, np.nan) for sample in samples])
    if np.isfinite(predicted).sum() < LEAST:
        return None
    atoms = [sample.view("atoms").numbers for sample in samples]
    elements = sorted({int(z) for numbers in atoms for z in numbers})
    counts = np.array([[np.count_nonzero(numbers == z) for z in elements] for numbers in atoms], np.float64)
    return energy_error(predicted, [sample.labels["energy"] for sample in samples], counts)


def _with_energies(data: Dataset) -> list[Sample]:
    if data.units.get("energy") != "eV":
        return []
    return [sample for sample in data if sample.atoms is not None and "energy" in sample.labels]
