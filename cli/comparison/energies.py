"""The energies of models against those of their samples: the performance axis of a Comparison."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hyle.zoo import Dataset, Representation, Sample, list_models, mp2020_correction

from ..console import say

if TYPE_CHECKING:
    import xarray as xr

    from hyle.engine.analysis import EnergyError

# Samples with both energies, at least.
MIN_SAMPLES = 20


def energy_errors(representations: Sequence[Representation], data: Dataset) -> list[EnergyError | None]:
    """Return the error of each model's energies, in eV, over the samples of a data set that have energies.

    After each model's own fit of composition, see `hyle.engine.analysis.energy_error`; None for a model without
    energies, for all of them where the samples have none in eV. ``signed`` has the samples with an energy, in order.
    Corrections that a model has learned are taken off its energies first, those of the samples hold none; where the
    package that knows them is not installed, the model has no error, and that is said.
    """
    from hyle.engine.analysis import energy_error, of_common_elements

    samples = _with_energies(data)
    corrected = {card.name for card in list_models() if card.corrections}
    corrections: list[float] = []
    found: list[EnergyError | None] = [None] * len(representations)
    matter: list[Any] = [sample.atoms for sample in samples]
    elements = sorted({int(z) for atoms in matter for z in atoms.numbers})
    counts = np.array([[np.count_nonzero(atoms.numbers == z) for z in elements] for atoms in matter], np.float64)
    reference = np.array([sample.labels["energy"] for sample in samples])
    for row, rep in enumerate(representations):
        if rep.energies is None or not samples:
            continue
        of_id = dict(zip(rep.ids, rep.energies, strict=True))
        predicted = np.array([of_id.get(sample.id, np.nan) for sample in samples])
        if rep.recipe.get("model") in corrected:
            if importlib.util.find_spec("pymatgen") is None:
                say(f"no energy error for {rep.name}: its energies hold MP2020 corrections; pip install pymatgen")
                continue
            corrections = corrections or [mp2020_correction(atoms) for atoms in matter]
            predicted = predicted - corrections
        finite = np.isfinite(predicted)
        if of_common_elements(counts[finite]).sum() >= MIN_SAMPLES:
            found[row] = energy_error(predicted, reference, counts)
    return found


def _with_energies(data: Dataset) -> list[Sample]:
    """Return the samples that have atoms and an energy in eV."""
    if data.units.get("energy") != "eV":
        return []
    return [sample for sample in data if sample.atoms is not None and "energy" in sample.labels]


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
        "elements": len({int(z) for sample in samples for z in sample.view("atoms").numbers}),
        # Near 1 the fit follows a sample alone: its error would say nothing, were it not fitted without it.
        "largest_leverage": round(max(float(error.leverage.max()) for error in known), 3),
    }
    comparison["energy_mae"] = ("model", [missing if e is None else e.mae for e in errors], attributes)
    spread = [missing if e is None else e.se for e in errors]
    comparison["energy_mae_se"] = ("model", spread, {"kind": "se", "of": "energy_mae"})
    if "sample" in comparison.coords:
        names = [str(name) for name in comparison["sample"].values]
        place = {sample.id: at for at, sample in enumerate(samples)}
        rows = np.full((len(errors), len(names)), np.nan)
        for row, error in enumerate(errors):
            for column, name in enumerate(names):
                if error is not None and name in place:
                    rows[row, column] = error.signed[place[name]]
        comparison["energy_residual"] = (("model", "sample"), rows, {**attributes, "long_name": "energy residual"})
