"""Batches that are split where a library treats some samples differently in the company of others."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

from ..adapter import Output

T = TypeVar("T")


def forward_in_groups(
    items: Sequence[T], key: Callable[[T], Hashable], forward: Callable[[list[T]], list[Output]]
) -> list[Output]:
    """Run the items of a batch in groups with the same key, and return the outputs in the order of the items.

    Args:
        items: the inputs of n samples.
        key: property of an item that all items of one call must share.
        forward: runs one group; returns an output for each layer, with features of nodes, with counts, or of samples.
    """
    groups: dict[Hashable, list[int]] = {}
    for i, item in enumerate(items):
        groups.setdefault(key(item), []).append(i)
    if len(groups) == 1:
        return forward(list(items))
    outputs = [forward([items[i] for i in group]) for group in groups.values()]
    return [_in_order(list(groups.values()), of_layer) for of_layer in zip(*outputs, strict=True)]


def _in_order(groups: Sequence[Sequence[int]], outputs: Sequence[Output]) -> Output:
    """Return the outputs of groups, which are given as positions of samples, as one."""
    import torch

    rows: dict[int, Any] = {}
    counts: dict[int, int] = {}
    energies: dict[int, float] = {}
    for group, output in zip(groups, outputs, strict=True):
        sizes = [1] * len(group) if output.counts is None else list(output.counts)
        rows.update(zip(group, output.features.split(sizes), strict=True))
        counts.update(zip(group, sizes, strict=True))
        if output.energies is not None:
            energies.update(zip(group, output.energies, strict=True))
    order = range(len(rows))
    return Output(
        torch.cat([rows[i] for i in order]),
        None if outputs[0].counts is None else [counts[i] for i in order],
        [energies[i] for i in order] if energies else None,
    )
