"""Find rows whose norm is an outlier, and remove them from a representation."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from hyle.zoo import Representation

# Number of ids that are listed in full.
SHOWN = 5


def outlying(representation: Representation) -> list[str]:
    """Return the ids of the rows whose norm is an outlier; see `hyle.engine.norm_outliers`."""
    from hyle.engine import norm_outliers

    rows = np.flatnonzero(norm_outliers(representation.embedding))
    return [representation.ids[i] for i in rows.tolist()]


def outlying_in_any(representations: Mapping[str, Representation]) -> dict[str, list[str]]:
    """Return name -> ids of outlying rows among the samples that all share; names without outliers are omitted."""
    common = set.intersection(*(set(each.ids) for each in representations.values()))
    outliers = {name: outlying(only(each, common)) for name, each in representations.items()}
    return {name: ids for name, ids in outliers.items() if ids}


def only(representation: Representation, ids: Collection[str]) -> Representation:
    """Return the representation with only the rows of these ids, in the order of the representation."""
    kept = [i for i, id_ in enumerate(representation.ids) if id_ in ids]
    if len(kept) == len(representation.ids):
        return representation
    energies = None if representation.energies is None else representation.energies[kept]
    return replace(
        representation,
        embedding=representation.embedding[kept],
        ids=[representation.ids[i] for i in kept],
        energies=energies,
        groups={kind: [labels[i] for i in kept] for kind, labels in representation.groups.items()},
    )


def without(representation: Representation, ids: Collection[str]) -> Representation:
    """Return the representation without the rows of these ids."""
    return only(representation, set(representation.ids) - set(ids))


def listed(ids: Sequence[str]) -> str:
    """Format ids as text: the first `SHOWN`, and the number of the others."""
    more = len(ids) - SHOWN
    return ", ".join(ids[:SHOWN]) + (f" and {more} more" if more > 0 else "")
