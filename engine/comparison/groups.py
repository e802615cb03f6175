"""Group labels of the samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..base import InputError


def labels_of(
    groups: Mapping[str, Any] | Sequence[Any] | None,
    ids: Sequence[str],
    *,
    name: str = "groups",
    all_ids: Sequence[str] | None = None,
) -> list[str] | None:
    """Return the group of each sample in the order of the ids; None without groups.

    Args:
        groups: sample id -> label, or one label per sample without ids.
        ids: of the samples.
        name: of the labels, for messages.
        all_ids: of all samples where `ids` are some of them; labels without ids are those of all.

    Raises:
        ValueError: a sample without a group, or labels without ids for samples that have them.
    """
    if groups is None:
        return None
    if isinstance(groups, Mapping):
        missing = [sample for sample in ids if sample not in groups]
        if missing:
            label = {"groups": "group", "strata": "stratum"}.get(name, "label for neighbours_outside")
            raise InputError(f"{len(missing)} of {len(ids)} samples have no {label}: {', '.join(missing[:5])}")
        return [str(groups[sample]) for sample in ids]
    whole = list(ids if all_ids is None else all_ids)
    if len(groups) != len(whole) or whole != [str(i) for i in range(len(whole))]:
        raise InputError(f"{name} has {len(groups)} labels; for samples with ids pass a mapping of id to label")
    label_of = dict(zip(whole, groups, strict=True))
    return [str(label_of[sample]) for sample in ids]
