"""Labels outside of which the neighbours of a sample are searched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base import InputError
from ..context import CompareConfig
from ..metrics import Metric
from .groups import labels_of


def outside_labels(
    labels: Any,
    ids: Sequence[str],
    metrics: Sequence[Metric],
    config: CompareConfig,
    *,
    all_ids: Sequence[str],
    on_mesh: bool,
) -> np.ndarray | None:
    """Return the labels outside of which neighbours are searched, as numbers, int32 [n]; None without labels.

    Args:
        labels: sample id -> label, or one label per sample without ids; None for none.
        ids: of the n samples.
        metrics: that are computed.
        config: how they are computed.
        all_ids: of all samples where `ids` are some of them.
        on_mesh: whether there is a mesh of devices.

    Raises:
        ValueError: a sample without a label, or one that has fewer than k neighbours with other labels; a search that
            does not know labels.
    """
    names = labels_of(labels, ids, name="neighbours_outside", all_ids=all_ids)
    if names is None or not any("neighbours" in metric.needs for metric in metrics):
        return None
    if config.search == "hnsw":
        raise InputError("neighbours_outside needs an exact search: omit it, or search='hnsw'")
    if config.queries is not None and on_mesh:
        raise InputError("neighbours_outside cannot be combined with queries on a mesh: omit one of them")
    _, numbers, counts = np.unique(names, return_inverse=True, return_counts=True)
    left = len(names) - int(counts.max())
    if config.k > left:
        raise InputError(
            f"k={config.k}: one of the {len(names)} samples has only {left} with another label: use a smaller k, or "
            "more samples"
        )
    return numbers.astype(np.int32)
