"""Find the samples behind representations: their structures and strings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from hyle.zoo import (
    ID_RULES,
    Dataset,
    InputError,
    Representation,
    Sample,
    list_datasets,
    load_dataset,
    split_perturbations,
)

from ..console import say
from .samples import split_column


def find_samples(
    representations: Sequence[Representation], ids: Sequence[str], source: str | None = None
) -> dict[str, Sample]:
    """Return id -> sample, for the samples that are found without a download.

    Args:
        representations: of the samples; stored ones know the name of their data set.
        ids: ids of rows. A row of an atom, residue or token is found as the sample that it belongs to.
        source: a name of `hyle datasets`, or a file of samples, as FILE or FILE:ID_COLUMN; default the built-in data
            set that the representations name.

    Raises:
        InputError: ``source`` is given, and has none of the samples or cannot be read.
    """
    rules = representations[0].recipe.get("id_rules", ())
    owners = {
        i: owner for each in representations for i, owner in zip(each.ids, each.groups.get("sample", ()), strict=False)
    }
    wanted = {i: owners.get(i, i) for i in ids}
    found: dict[str, Sample] = {}
    for name in [source] if source else _named(representations):
        for sample in _load(name):
            renamed = sample.id
            for rule in rules:
                renamed = ID_RULES[rule][0](renamed)
            found.setdefault(renamed, sample)
    samples = {i: found[owner] for i, owner in wanted.items() if owner in found}
    if source and not samples:
        some = ", ".join(map(repr, list(found)[:3]))
        count = len(set(wanted.values()))
        raise InputError(f"--samples {source} has none of the {count} compared samples: do the ids match ({some})?")
    return samples


def _named(representations: Sequence[Representation]) -> list[str]:
    """Return the built-in data sets of the representations."""
    built_in = {info.name for info in list_datasets()}
    return [
        name
        for name in dict.fromkeys(str(each.recipe.get("dataset", "")) for each in representations)
        if split_perturbations(name)[0] in built_in
    ]


def _load(source: str) -> Dataset:
    path, column = split_column(source)
    if split_perturbations(source)[0] in {info.name for info in list_datasets()} or not column:
        return load_dataset(source)  # its error names what is close
    return load_dataset(path, notify=say, id_column=column)


def sample_words(sample: Sample | None) -> str:
    """Return what a sample is in a word: its SMILES, else its formula, sequence or text; "" if it is unknown."""
    if sample is None:
        return ""
    if sample.smiles:
        return sample.smiles
    if sample.atoms is not None:
        return str(sample.atoms.get_chemical_formula())
    return sample.sequence or sample.selfies or sample.text or ""


def sample_sizes(samples: Mapping[str, Sample], formulas: Mapping[str, str], ids: Sequence[str]) -> list[float] | None:
    """Return the number of atoms, or residues, of each sample; None unless it is known of all.

    Args:
        samples: id -> sample, as far as they are known.
        formulas: id -> formula such as ``C2H6O1``, which is used of samples that have no atoms.
        ids: of the samples.
    """
    sizes = []
    for i in ids:
        sample, formula = samples.get(i), formulas.get(i, "")
        counts = re.findall(r"[A-Z][a-z]?(\d+)", formula)
        if sample is not None and sample.atoms is not None:
            sizes.append(float(len(sample.atoms)))
        elif counts and re.fullmatch(r"([A-Z][a-z]?\d+)+", formula):
            sizes.append(float(sum(map(int, counts))))
        elif sample is not None and sample.sequence:
            sizes.append(float(len(sample.sequence)))
        else:
            return None
    return sizes
