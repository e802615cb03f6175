"""Rows whose norm is an outlier: which they are, and the same representation without them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from hyle.zoo import Representation

SHOWN = 5


def outlying(representation: Representation) -> list[str]:
    """Return the ids of the rows that lie far outside; see `hyle.engine.norm_outliers`."""
    from hyle.engine import norm_outliers

    far = np.flatnonzero(norm_outliers(representation.embedding))
    return [representation.ids[i] for i in far.tolist()]


def outlying_in_any(representations: Mapping[str, Representation]) -> dict[str, list[str]]:
    """Return, by name, the ids of outlying rows among those that all share; names without any are left out."""
    common = set.intersection(*(set(each.ids) for each in representations.values()))
    found = {name: outlying(only(each, common)) for name, each in representations.items()}
    return {name: ids for name, ids in found.items() if ids}


def usual_k(n: int) -> int:
    """Return the neighbours that the engine takes for the dimension of n rows, to take as many without some of them."""
    return min(50, max(5, n // 10))


def only(representation: Representation, ids: Collection[str]) -> Representation:
    """Return the representation with the rows of these ids alone, in their order."""
    kept = [i for i, id_ in enumerate(representation.ids) if id_ in ids]
    if len(kept) == len(representation.ids):
        return representation
    energies = None if representation.energies is None else representation.energies[kept]
    return replace(
        representation,
        embedding=representation.embedding[kept],
        ids=[representation.ids[i] for i in kept],
        energies=energies,
    )


def without(representation: Representation, ids: Collection[str]) -> Representation:
    """Return the representation without the rows of these ids."""
    return only(representation, set(representation.ids) - set(ids))


def listed(ids: Sequence[str]) -> str:
    """Return the first ids as text."""
    more = len(ids) - SHOWN
    return ", ".join(ids[:SHOWN]) + (f" and {more} more" if more > 0 else "")
