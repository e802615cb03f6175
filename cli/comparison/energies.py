"""Compute the energy errors of models: the performance axis of a Comparison."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hyle.zoo import Dataset, Representation, Sample, list_models, mp2020_correction

from ..console import say
from .units import repeated_states

if TYPE_CHECKING:
    import xarray as xr

    from hyle.engine.analysis import EnergyError

# Minimum number of samples with both a predicted and a reference energy.
MIN_SAMPLES = 20


def energy_errors(representations: Sequence[Representation], data: Dataset) -> list[EnergyError | None]:
    """Return the error of each model's energies, in eV, over the samples of a data set that have energies.

    The composition is fitted separately for each model, see `hyle.engine.analysis.energy_error`. ``signed`` is over the
    samples with atoms and an energy, in the order of the data set. If a model has learned MP2020 corrections, they are
    first subtracted from its energies, because the reference energies include none. Where over 5 % of the samples are
    states of one thing, whole groups are folds and units of the standard error.

    Returns:
        One error per representation. It is None for a model without energies, for all models if the samples have no
        energies in eV, for fewer than `MIN_SAMPLES` usable samples, and for a model with learned corrections if
        pymatgen, which implements them, is not installed; the last case is reported on standard error.
    """
    from hyle.engine.analysis import energy_error, of_common_elements

    samples = _with_energies(data)
    corrected = {card.name for card in list_models() if card.corrections}
    corrections: list[float] = []
    errors: list[EnergyError | None] = [None] * len(representations)
    structures: list[Any] = [sample.atoms for sample in samples]
    elements = sorted({int(z) for atoms in structures for z in atoms.numbers})
    counts = np.array([[np.count_nonzero(atoms.numbers == z) for z in elements] for atoms in structures], np.float64)
    reference = np.array([sample.labels["energy"] for sample in samples])
    kind, labels = repeated_states(data.groups, [sample.id for sample in samples])
    groups = [labels[sample.id] for sample in samples] if kind else None
    for row, rep in enumerate(representations):
        if rep.energies is None or not samples:
            continue
        energy_by_id = dict(zip(rep.ids, rep.energies, strict=True))
        predicted = np.array([energy_by_id.get(sample.id, np.nan) for sample in samples])
        if rep.recipe.get("model") in corrected:
            if importlib.util.find_spec("pymatgen") is None:
                say(f"no energy error for {rep.name}: its energies include MP2020 corrections; pip install pymatgen")
                continue
            corrections = corrections or [mp2020_correction(atoms) for atoms in structures]
            predicted = predicted - corrections
        usable = np.flatnonzero(np.isfinite(predicted))
        usable = usable[of_common_elements(counts[usable])]
        if len(usable) >= MIN_SAMPLES:
            # Fewer groups than twice the folds cannot be held out whole.
            enough = groups is not None and len({groups[i] for i in usable}) >= MIN_SAMPLES
            errors[row] = energy_error(predicted, reference, counts, groups=groups if enough else None)
    return errors


def _with_energies(data: Dataset) -> list[Sample]:
    """Return the samples that have atoms and an energy in eV."""
    if data.units.get("energy") != "eV":
        return []
    return [sample for sample in data if sample.atoms is not None and "energy" in sample.labels]


def add_energy_errors(comparison: xr.Dataset, representations: Sequence[Representation], data: Dataset) -> None:
    """Add ``energy_mae`` and ``energy_mae_se`` over ``model``, in eV; NaN for a model without an energy error.

    Nothing is added if no model has an energy error, see `energy_errors`. If the Comparison has the coordinate
    ``sample``, ``energy_residual`` over ``model`` and ``sample`` is also added: the error of each sample, predicted
    minus true, NaN for excluded samples.
    """
    errors = energy_errors(representations, data)
    defined = [error for error in errors if error is not None]
    if not defined:
        return
    samples, nan = _with_energies(data), float("nan")
    attributes = {
        "long_name": "mean absolute energy error",
        "units": "eV",
        "estimator": "composition fitted separately for each model, cross-fitted ridge regression",
        # Samples with rare elements are excluded, and models may lack energies of some samples.
        "n": max(error.n for error in defined),
        "elements": len({int(z) for sample in samples for z in sample.view("atoms").numbers}),
        # Near 1, the fit follows the sample alone. Its in-sample error would mean nothing, hence the cross-fitting.
        "largest_leverage": round(max(float(error.leverage.max()) for error in defined), 3),
    }
    comparison["energy_mae"] = ("model", [nan if e is None else e.mae for e in errors], attributes)
    standard_errors = [nan if e is None else e.se for e in errors]
    comparison["energy_mae_se"] = ("model", standard_errors, {"kind": "se", "of": "energy_mae"})
    if "sample" in comparison.coords:
        ids = [str(name) for name in comparison["sample"].values]
        position = {sample.id: index for index, sample in enumerate(samples)}
        residuals = np.full((len(errors), len(ids)), np.nan)
        for row, error in enumerate(errors):
            for column, sample_id in enumerate(ids):
                if error is not None and sample_id in position:
                    residuals[row, column] = error.signed[position[sample_id]]
        comparison["energy_residual"] = (("model", "sample"), residuals, {**attributes, "long_name": "energy residual"})
