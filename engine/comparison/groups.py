"""Group labels of the samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..base import InputError


def labels_of(groups: Mapping[str, Any] | Sequence[Any] | None, ids: Sequence[str]) -> list[str] | None:
    """Return the group of each sample in the order of the ids; None without groups.

    Raises:
        ValueError: a sample without a group, or labels without ids for samples that have them.
    """
    if groups is None:
        return None
    if isinstance(groups, Mapping):
        missing = [sample for sample in ids if sample not in groups]
        if missing:
            raise InputError(f"{len(missing)} of {len(ids)} samples have no group: {', '.join(missing[:5])}")
        return [str(groups[sample]) for sample in ids]
    if len(groups) != len(ids) or list(ids) != [str(i) for i in range(len(ids))]:
        raise InputError(f"groups has {len(groups)} labels; for samples with ids pass a mapping of id to label")
    return [str(label) for label in groups]
