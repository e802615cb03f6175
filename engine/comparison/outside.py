"""Labels outside of which the neighbours of a sample are searched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base import InputError
from ..context import CompareConfig
from ..metrics import Metric
from .groups import labels_of
from .inference import Inference
from .resamples import Resamples


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
    ranked = [metric.name for metric in metrics if "ranks" in metric.needs]
    if config.queries is not None and ranked:
        raise InputError(f"{ranked[0]} ranks all samples: with queries, omit it or neighbours_outside")
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


def check_resamples(outside: np.ndarray | None, resamples: Resamples, inference: Inference, k: int) -> None:
    """Check that permutations keep labels together, and that enough neighbours are left without a jackknife group.

    What the samples of a label have in common is known to both models. If permutations take it apart, any two models
    look aligned, although no neighbour has the same label: its neighbours are those of the other samples of its label.

    Raises:
        ValueError: permutations that do not exchange whole labels; fewer than k neighbours.
    """
    if outside is None:
        return
    if resamples.permutations is not None or resamples.within_strata is not None:
        same = resamples.labels is not None and _same_partition(outside, resamples.labels)
        if not same or inference.permute == "within" or resamples.within_strata is not None:
            raise InputError(
                "neighbours_outside needs permutations that keep its samples together: groups= with the same labels "
                'and permute="blocks" or, without strata, "whole"; or no permutations'
            )
    for part in resamples.left_out:
        kept = np.delete(outside, part)
        left = len(kept) - int(np.bincount(kept).max())
        if k > left:
            raise InputError(
                f"k={k}: without a jackknife group, a sample has only {left} with another label: use a smaller k, or "
                "more jackknife groups"
            )


def _same_partition(outside: np.ndarray, labels: Sequence[str]) -> bool:
    pairs = {(int(one), other) for one, other in zip(outside, labels, strict=True)}
    return len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})
