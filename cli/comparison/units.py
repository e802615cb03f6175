"""Samples that are states of one thing, as far as representations know what their samples are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hyle.zoo import GROUP_STATES, Representation

if TYPE_CHECKING:
    import xarray as xr

# Fraction of the samples that share their group with another one, above which they are not treated as independent.
MAX_REPEATED_FRACTION = 0.05


def row_words(comparison: xr.Dataset) -> str:
    """Return what the rows of a Comparison are of: ``samples``, ``atoms``, ``residues`` or ``tokens``."""
    return f"{comparison.attrs.get('per') or 'sample'}s"


def known_groups(kind: str, representations: Iterable[Representation], ids: Sequence[str]) -> dict[str, str]:
    """Return id -> label of all the ids from the first representation that knows them; else nothing."""
    for each in representations:
        if kind in each.groups:
            labels = dict(zip(each.ids, each.groups[kind], strict=True))
            if labels.keys() >= set(ids):
                return {i: labels[i] for i in ids}
    return {}


def states_of_one_thing(representations: Sequence[Representation], ids: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Return the kind of groups and id -> label where over 5 % of the samples share a group; else "" and nothing.

    The kind is the first of `hyle.zoo.GROUP_STATES` that is known.
    """
    return repeated_states({kind: known_groups(kind, representations, ids) for kind in GROUP_STATES}, ids)


def repeated_states(groups: Mapping[str, Mapping[str, str]], ids: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Return the same for the groups of a data set: kind -> id -> label."""
    for kind in GROUP_STATES:
        labels = {i: groups[kind][i] for i in ids if i in groups.get(kind, ())}
        if labels and len(labels) == len(ids):
            return (kind, labels) if count_repeated(labels) > MAX_REPEATED_FRACTION * len(ids) else ("", {})
    return "", {}


def dependent_groups(representations: Sequence[Representation], ids: Sequence[str]) -> dict[str, str]:
    """Return id -> label of ids that are atoms of one sample or states of one thing; nothing where they are neither."""
    samples = known_groups("sample", representations, ids)
    return samples if samples and count_repeated(samples) else states_of_one_thing(representations, ids)[1]


def sizes_of_groups(groups: Mapping[str, str], ids: Sequence[str]) -> np.ndarray | None:
    """Return the number of samples in the group of each sample, [n, 1]: states of one thing are near in every model.

    Returns:
        None without groups, or where all have the same size.
    """
    if not groups:
        return None
    counts = Counter(groups[i] for i in ids)
    sizes = np.array([[float(counts[groups[i]])] for i in ids])
    return sizes if np.ptp(sizes) > 0 else None


def count_repeated(labels: Mapping[str, str]) -> int:
    """Count the samples that share their group with another one."""
    return sum(count for count in Counter(labels.values()).values() if count > 1)
