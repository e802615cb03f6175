"""What is known of the samples of representations: their data set, their labels, their composition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hyle.zoo import Dataset, InputError, Representation, list_datasets, load_dataset, shorten, split_node_id

from ..comparison import find_column, known_groups
from ..console import say
from .analogies import element_counts

# The label that is divided by the number of atoms, since embeddings are means over atoms.
ENERGY = "energy"


@dataclass(frozen=True)
class Label:
    """A number for each sample.

    Args:
        title: name and unit.
        values: id -> number; NaN where it is missing. The id is that of the sample, or of the node.
    """

    title: str
    values: Mapping[str, float]

    def of(self, ids: Sequence[str]) -> np.ndarray:
        """Return the values [n] of ids; of a node that has none itself, that of its sample."""
        return np.array([self._one(id_) for id_ in ids], np.float64)

    def _one(self, id_: str) -> float:
        sample, _, number = id_.rpartition("#")
        # "CC#N" is the SMILES string of another molecule than "CC", and no row of it.
        owner = sample if number.isdecimal() else id_
        return self.values.get(id_, self.values.get(owner, float("nan")))


def find_dataset_of(
    representations: Sequence[Representation],
    dataset: str | None,
    *,
    id_column: str | None = None,
    labels: Sequence[str] = (),
    why: str,
) -> Dataset:
    """Load the data set that representations are of.

    Args:
        representations: whose recipes may name it.
        dataset: its name or file, if the user gave it.
        id_column: of a file.
        labels: columns of a file that become labels.
        why: what needs it, for the message.

    Raises:
        InputError: it is unknown, or has none of the samples.
    """
    built_in = {info.name for info in list_datasets()}
    named = dataset if dataset in built_in or (dataset and Path(dataset).exists()) else None
    known = [str(each.recipe["dataset"]) for each in representations if "dataset" in each.recipe]
    name = named or next((each for each in known if each in built_in or Path(each).exists()), None)
    if name is None:
        raise InputError(f"{why}: it is unknown what the samples are; name them with --dataset NAME or --dataset FILE")
    if name in built_in:
        data = load_dataset(name)
    else:
        data = load_dataset(name, notify=say, labels=tuple(labels), id_column=id_column or "")
    ids = {id_ if "per" not in each.recipe else split_node_id(id_)[0] for each in representations for id_ in each.ids}
    if not ids & set(data.ids):
        first, other = sorted(ids)[0], data.ids[0]
        column = "" if name in built_in else "; --id-column names the column with the ids"
        raise InputError(
            f"{why}: {data.name} has none of the samples, such as {shorten(first)!r}; its ids are like "
            f"{shorten(other)!r}{column}"
        )
    return data


def find_label(
    text: str, representations: Sequence[Representation], dataset: str | None, id_column: str | None = None
) -> Label:
    """Find a label of the data set, or a column of a .csv file, ``FILE[:COLUMN]``.

    The energy of samples with atoms is divided by their number.

    Raises:
        InputError: neither a file nor a label of the data set.
    """
    read = find_column(text, what="--label")
    if read is not None:
        return Label(*read)
    data = find_dataset_of(representations, dataset, id_column=id_column, labels=[text], why=f"--label {text}")
    known = sorted({name for sample in data for name in sample.labels})
    if text not in known:
        raise InputError(
            f"--label {text} is neither a .csv file nor a label of {data.name}, which has {', '.join(known) or 'none'}"
        )
    unit = data.units.get(text, "")
    values = {sample.id: sample.labels.get(text, float("nan")) for sample in data}
    if text == ENERGY and all(sample.atoms is not None for sample in data):
        values = {sample.id: values[sample.id] / len(sample.atoms) for sample in data if sample.atoms is not None}
        return Label(f"{text} per atom / {unit}" if unit else f"{text} per atom", values)
    return Label(f"{text} / {unit}" if unit else text, values)


def formulas_of(
    representations: Sequence[Representation],
    ids: Sequence[str],
    dataset: str | None = None,
    id_column: str | None = None,
) -> dict[str, str]:
    """Return id -> formula of the sample, from the representations or else from the data set; empty if unknown."""
    labels = known_groups("formula", representations, ids)
    if labels or (dataset is None and not any("dataset" in each.recipe for each in representations)):
        return labels
    data = find_dataset_of(representations, dataset, id_column=id_column, why="the formulas of the samples")
    groups = data.groups.get("formula", {})
    samples = {id_: id_ if id_ in groups or "#" not in id_ else split_node_id(id_)[0] for id_ in ids}
    return {id_: groups[samples[id_]] for id_ in ids} if set(samples.values()) <= groups.keys() else {}


def composition_of(
    representations: Sequence[Representation],
    ids: Sequence[str],
    dataset: str | None = None,
    id_column: str | None = None,
) -> np.ndarray | None:
    """Return the control [n, e]: numbers and fractions of atoms of each element; for atoms also which element it is."""
    formulas = formulas_of(representations, ids, dataset, id_column)
    if not formulas:
        return None
    _, counts = element_counts([formulas[id_] for id_ in ids])
    parts = [counts, counts / counts.sum(1, keepdims=True)]
    if elements := known_groups("element", representations, ids):
        names, codes = np.unique([elements[id_] for id_ in ids], return_inverse=True)
        parts.append(np.eye(len(names))[codes])
    return np.concatenate(parts, 1)
