"""Select rows of representations by what they are: atoms of one element, samples of one formula."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from hyle.zoo import InputError, Representation, shorten, split_node_id, to_numpy
from hyle.zoo.nodes import LABEL_KINDS

from ..options import RowSelection, where_words


def as_nodes(representations: Sequence[Representation], per: str) -> list[Representation]:
    """Return representations of atoms, residues or tokens; of files, by the ids of their rows.

    Raises:
        InputError: an id of a file is not ``SAMPLE#NUMBER``.
    """
    found = []
    for each in representations:
        if "sample" not in each.groups:
            try:
                samples = [split_node_id(i)[0] for i in each.ids]
            except InputError as error:
                raise InputError(f"{each.name}: {error}; rows of samples are compared without --per {per}") from error
            each = replace(each, recipe={**each.recipe, "per": per}, groups={**each.groups, "sample": samples})
        found.append(each)
    return found


def select_rows(representations: Sequence[Representation], rows: RowSelection) -> list[Representation]:
    """Return the rows that were asked for.

    Raises:
        InputError: no representation knows what its rows are, or none is left.
    """
    per = rows.per or node_kind(representations)
    found = as_nodes(representations, per) if per else list(representations)
    for kind, wanted in rows.where.items():
        shared = set.intersection(*(set(each.ids) for each in found))
        labels = {i: label for i, label in labels_of_rows(found, kind, f"--where {kind}").items() if i in shared}
        unknown = [label for label in wanted if label not in set(labels.values())]
        if unknown:
            common = ", ".join(f"{label} ({count})" for label, count in Counter(labels.values()).most_common(8))
            raise InputError(f"--where {kind}={unknown[0]}: no row is of it; the most common: {shorten(common)}")
        found = [with_label(each, labels, wanted, where_words(rows.where)) for each in found]
    return found


def labels_of_rows(representations: Sequence[Representation], kind: str, option: str) -> dict[str, str]:
    """Return id -> label of all rows whose label is known to one of the representations.

    Raises:
        InputError: none knows it; names the kinds that are known.
    """
    labels: dict[str, str] = {}
    for each in representations:
        labels |= dict(zip(each.ids, each.groups.get(kind, ()), strict=False))
    if not labels:
        known = ", ".join(sorted({name for each in representations for name in each.groups})) or "nothing"
        per = next((each for each, label in LABEL_KINDS.items() if label == kind), "")
        hint = f"; for rows of {per}s: --per {per}" if per and not node_kind(representations) else ""
        raise InputError(f"{option}: it is unknown of the rows; what is known of them: {known}{hint}")
    return labels


def with_label(
    representation: Representation, labels: Mapping[str, str], wanted: Sequence[str], option: str
) -> Representation:
    """Return the rows of a representation that have one of the labels.

    Raises:
        InputError: there are none.
    """
    chosen = set(wanted)
    kept = [row for row, i in enumerate(representation.ids) if labels.get(i) in chosen]
    if not kept:
        raise InputError(f"{representation.name} has no row with {option}")
    if len(kept) == len(representation.ids):
        return representation
    groups = {kind: [values[row] for row in kept] for kind, values in representation.groups.items()}
    energies = None if representation.energies is None else representation.energies[kept]
    ids = [representation.ids[row] for row in kept]
    return replace(representation, embedding=representation.embedding[kept], ids=ids, energies=energies, groups=groups)


def rows_of(representation: Representation, ids: Sequence[str]) -> np.ndarray:
    """Return the rows [n, d] of these ids, in their order and in the dtype of the representation.

    Raises:
        InputError: a row contains a number that is not finite; names the first rows.
    """
    place = {i: row for row, i in enumerate(representation.ids)}
    rows = np.asarray(to_numpy(representation.embedding))[[place[i] for i in ids]]
    unusable = np.flatnonzero(~np.isfinite(rows).all(1))
    if len(unusable):
        some = ", ".join(repr(shorten(ids[row])) for row in unusable[:3]) + ", ..." * (len(unusable) > 3)
        raise InputError(
            f"{representation.name}: {len(unusable)} of {len(ids)} rows contain NaN or infinite numbers: {some}; "
            "remove them from the embeddings"
        )
    return rows


def node_kind(representations: Sequence[Representation]) -> str:
    """Return what the rows of representations are of: ``atom``, ``residue``, ``token``; empty for samples."""
    return next((str(each.recipe["per"]) for each in representations if "per" in each.recipe), "")


def rows_word(representations: Sequence[Representation]) -> str:
    """Return what the rows are of, in the plural: ``samples``, ``atoms``, ``residues`` or ``tokens``."""
    return f"{node_kind(representations) or 'sample'}s"
