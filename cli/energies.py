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
    energies, for all of them where the samples have none in eV. ``signed`` has the samples with an energy, in order.
    """
    from hyle.engine.analysis.energy import energy_error, of_common_elements

    samples = _with_energies(data)
    found: list[EnergyError | None] = [None] * len(representations)
    elements = sorted({int(z) for _, numbers, _ in samples for z in numbers})
    counts = np.array([[np.count_nonzero(numbers == z) for z in elements] for _, numbers, _ in samples], np.float64)
    reference = np.array([energy for *_, energy in samples])
    for row, rep in enumerate(representations):
        if rep.energies is None or not samples:
            continue
        of_id = dict(zip(rep.ids, rep.energies, strict=True))
        predicted = np.array([of_id.get(name, np.nan) for name, *_ in samples])
        finite = np.isfinite(predicted)
        if of_common_elements(counts[finite]).sum() >= LEAST:
            found[row] = energy_error(predicted, reference, counts)
    return found


def _with_energies(data: Dataset) -> list[tuple[str, np.ndarray, float]]:
    """Return id, atomic numbers and energy in eV of the samples that have them."""
    if data.units.get("energy") != "eV":
        return []
    return [(s.id, s.atoms.numbers, s.labels["energy"]) for s in data if s.atoms is not None and "energy" in s.labels]


def add_energy_errors(comparison: xr.Dataset, representations: Sequence[Representation], data: Dataset) -> None:
    """Add ``energy_mae`` and ``energy_mae_se`` over ``model``, in eV, NaN for a model without energies.

    Nothing is added where no model has any, or the samples have none; see `energy_errors`. Where the Comparison names
    its samples, ``energy_residual`` over ``model`` and ``sample`` is the error of each, predicted less true.
    """
    errors = energy_errors(representations, data)
    known = [error for error in errors if error is not None]
    if not known:
        return
    samples, missing = _with_energies(data), float("nan")
    attributes = {
        "long_name": "mean absolute energy error",
        "units": "eV",
        "estimator": "after each model's own fit of composition, cross-fitted ridge",
        # Samples of rare elements are left out.
        "n": max(error.n for error in known),
        "elements": len({int(z) for _, numbers, _ in samples for z in numbers}),
        # Near 1 the fit follows a sample alone: its error would say nothing, were it not fitted without it.
        "largest_leverage": round(max(float(error.leverage.max()) for error in known), 3),
    }
    comparison["energy_mae"] = ("model", [missing if e is None else e.mae for e in errors], attributes)
    spread = [missing if e is None else e.se for e in errors]
    comparison["energy_mae_se"] = ("model", spread, {"kind": "se", "of": "energy_mae"})
    if "sample" in comparison.coords:
        names = [str(name) for name in comparison["sample"].values]
        place = {name: at for at, (name, *_) in enumerate(samples)}
        rows = np.full((len(errors), len(names)), np.nan)
        for row, error in enumerate(errors):
            for column, name in enumerate(names):
                if error is not None and name in place:
                    rows[row, column] = error.signed[place[name]]
        comparison["energy_residual"] = (("model", "sample"), rows, {**attributes, "long_name": "energy residual"})
