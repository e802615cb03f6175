"""The energies of models against those of their samples: the performance axis of a Comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from hyle.zoo import Dataset, Representation

if TYPE_CHECKING:
    import xarray as xr

    from hyle.engine.analysis import EnergyError

# Samples with both energies, at least.
LEAST = 20


def energy_errors(representations: Sequence[Representation], data: Dataset) -> list[EnergyError | None]:
    """Return the error of each model's energies, in eV, over the samples of a data set that have energies.

    After each model's own fit of composition, see `hyle.engine.analysis.energy_error`; None for a model without
    energies, for all of them where the samples have none in eV.
    """
    from hyle.engine.analysis import energy_error

    samples = [(s.id, s.atoms, s.labels["energy"]) for s in data if s.atoms is not None and "energy" in s.labels]
    found: list[EnergyError | None] = [None] * len(representations)
    if not samples or data.units.get("energy") != "eV":
        return found
    elements = sorted({int(z) for _, atoms, _ in samples for z in atoms.numbers})
    counts = np.array([[np.count_nonzero(atoms.numbers == z) for z in elements] for _, atoms, _ in samples], np.float64)
    reference = np.array([energy for *_, energy in samples])
    for row, rep in enumerate(representations):
        if rep.energies is None:
            continue
        of_id = dict(zip(rep.ids, rep.energies, strict=True))
        predicted = np.array([of_id.get(name, np.nan) for name, *_ in samples])
        if np.isfinite(predicted).sum() >= LEAST:
            found[row] = energy_error(predicted, reference, counts)
    return found


def add_energy_errors(comparison: xr.Dataset, representations: Sequence[Representation], data: Dataset) -> None:
    """Add ``energy_mae`` and ``energy_mae_se`` over ``model``, in eV, NaN for a model without energies.

    Nothing is added where no model has any, or the samples have none; see `energy_errors`.
    """
    errors = energy_errors(representations, data)
    known = [error for error in errors if error is not None]
    if not known:
        return
    attributes = {
        "long_name": "mean absolute energy error",
        "units": "eV",
        "estimator": "after each model's own fit of composition, cross-fitted ridge",
        "n": len(known[0].residuals),
    }
    missing = float("nan")
    comparison["energy_mae"] = ("model", [missing if e is None else e.mae for e in errors], attributes)
    spread = [missing if e is None else e.se for e in errors]
    comparison["energy_mae_se"] = ("model", spread, {"kind": "se", "of": "energy_mae"})
