"""The energies of models against those of their samples: the performance axis of a Comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from hyle.zoo import Dataset, Representation

if TYPE_CHECKING:
    import xarray as xr


def add_energy_errors(comparison: xr.Dataset, representations: Sequence[Representation], data: Dataset) -> None:
    """Add ``energy_mae`` and ``energy_mae_se`` over ``model``, in eV, where models and samples have energies.

    After each model's own fit of composition, see `hyle.engine.analysis.energy_error`; NaN for a model without
    energies, and nothing is added where no model has any or the samples have none. Where the Comparison names its
    samples, ``energy_residual`` over ``model`` and ``sample`` is the error of each, predicted less true.
    """
    from hyle.engine.analysis import energy_error

    samples = [(s.id, s.atoms, s.labels["energy"]) for s in data if s.atoms is not None and "energy" in s.labels]
    known = [rep for rep in representations if rep.energies is not None]
    if not samples or not known or data.units.get("energy") != "eV":
        return
    elements = sorted({int(z) for _, atoms, _ in samples for z in atoms.numbers})
    counts = np.array([[np.count_nonzero(atoms.numbers == z) for z in elements] for _, atoms, _ in samples], np.float64)
    reference = np.array([energy for *_, energy in samples])
    errors = np.full((len(representations), 2), np.nan)
    ids = [str(name) for name in comparison["sample"].values] if "sample" in comparison.coords else []
    signed = np.full((len(representations), len(ids)), np.nan)
    leverage = 0.0
    for row, rep in enumerate(representations):
        if rep.energies is None:
            continue
        of_id = dict(zip(rep.ids, rep.energies, strict=True))
        predicted = np.array([of_id.get(name, np.nan) for name, *_ in samples])
        if np.isfinite(predicted).sum() >= 20:
            found = energy_error(predicted, reference, counts)
            errors[row] = found.mae, found.se
            leverage = max(leverage, float(found.leverage.max()))
            left = dict(zip((name for name, *_ in samples), found.signed, strict=True))
            signed[row] = [left.get(name, np.nan) for name in ids]
    attributes = {
        "long_name": "mean absolute energy error",
        "units": "eV",
        "estimator": "after each model's own fit of composition, cross-fitted ridge",
        "n": len(samples),
        "elements": len(elements),
        # Near 1 the fit follows a sample alone: its error would say nothing, were it not fitted without it.
        "largest_leverage": round(leverage, 3),
    }
    comparison["energy_mae"] = ("model", errors[:, 0], attributes)
    comparison["energy_mae_se"] = ("model", errors[:, 1], {"kind": "se", "of": "energy_mae"})
    if ids:
        comparison["energy_residual"] = (("model", "sample"), signed, {**attributes, "long_name": "energy residual"})
