"""Labels of the samples of a panel: those of their data set, or of a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hyle.zoo import InputError, Representation, Sample, list_datasets, load_dataset

from ..comparison import find_column
from ..console import say
from .sample_facts import Label

# Labels that are correlated more than this with an earlier one are the same property.
SAME_LABEL = 0.999
# Fewest samples with a label.
MIN_LABELLED = 20


def panel_labels(text: str, ids: Sequence[str], representations: Sequence[Representation]) -> dict[str, np.ndarray]:
    """Return label -> [n] values, NaN where unknown.

    Args:
        text: ``all``, the name of a label of the data set of the representations, or ``FILE[:COLUMN]``, a .csv file
            whose first column is the sample id.
        ids: of the n samples, or of atoms, residues or tokens, which have the labels of their samples.
        representations: of the panel, which know their data set.

    Raises:
        InputError: the data set has no such label or is none of hyle's, or fewer than 20 samples have it.
    """
    read = find_column(text, what="--probe")
    labels = {read[0]: Label(*read).of(ids)} if read else _labels_of_dataset(text, ids, representations)
    if not labels:
        raise InputError(f"--probe {text}: no label differs between these samples")
    few = {name: int(np.isfinite(values).sum()) for name, values in labels.items()}
    usable = {name: values for name, values in labels.items() if few[name] >= MIN_LABELLED}
    if not usable:
        name = max(few, key=few.__getitem__)
        raise InputError(f"--probe {text}: {few[name]} samples have {name}, and at least {MIN_LABELLED} are needed")
    return _different(usable) if text == "all" else usable


def _labels_of_dataset(
    text: str, ids: Sequence[str], representations: Sequence[Representation]
) -> dict[str, np.ndarray]:
    names = {str(rep.recipe.get("dataset", "")) for rep in representations} - {""}
    known = {info.name for info in list_datasets()}
    if len(names) != 1 or not names <= known:
        which = f"the samples are of {', '.join(sorted(names))}" if names else "the data set of the samples is unknown"
        raise InputError(f"--probe {text}: {which}; give labels as FILE.csv:COLUMN, the first column the sample id")
    (name,) = names
    data = load_dataset(name, notify=say)
    of_sample = {sample.id: _values(sample) for sample in data}
    columns = list(dict.fromkeys(label for values in of_sample.values() for label in values))
    if text != "all":
        if text not in columns:
            raise InputError(f"--probe {text}: {name} has no such label; it has {', '.join(columns) or 'none'}")
        columns = [text]
    if not columns:
        raise InputError(f"--probe all: {name} has no labels; give them as FILE.csv:COLUMN")
    found = {c: Label(c, {i: values[c] for i, values in of_sample.items() if c in values}).of(ids) for c in columns}
    return {
        c: values for c, values in found.items() if text != "all" or len(np.unique(values[np.isfinite(values)])) > 1
    }


def _values(sample: Sample) -> dict[str, float]:
    """Return the labels of a sample; of a crystal, also its energy and its volume per atom."""
    values = dict(sample.labels)
    if sample.atoms is not None and sample.atoms.pbc.all():
        n = len(sample.atoms)
        values["volume_per_atom"] = float(sample.atoms.get_volume()) / n
        if "energy" in values:
            values["energy_per_atom"] = values["energy"] / n
    return values


def _different(labels: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the labels without those that repeat an earlier one up to unit and noise, with a note."""
    kept: dict[str, np.ndarray] = {}
    for name, values in labels.items():
        for other, earlier in kept.items():
            both = np.isfinite(values) & np.isfinite(earlier)
            if both.sum() >= MIN_LABELLED and abs(np.corrcoef(values[both], earlier[both])[0, 1]) > SAME_LABEL:
                say(f"note: {name} is left out, since it is {other} up to scale and shift (correlation > {SAME_LABEL})")
                break
        else:
            kept[name] = values
    return kept
