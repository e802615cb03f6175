"""The shards of an extraction as one representation, in the order of the data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base import InputError
from ..nodes import Nodes
from .address import Folder
from .protocols import Shards


@dataclass(frozen=True)
class Merged:
    """The content of all shards.

    Args:
        samples: ids of the n samples that were embedded, in the order of the data set.
        embedding: [n, d], or [nodes, d].
        energies: [n] in eV if every sample has one, else None.
        dropped: id -> why the model does not support that sample.
        nodes: of the n samples, None for rows of samples.
    """

    samples: list[str]
    embedding: np.ndarray
    energies: np.ndarray | None
    dropped: dict[str, str]
    nodes: Nodes | None


@dataclass(frozen=True)
class _Source:
    """Where the rows of a sample are: the shard, its place among the samples of the shard, and its rows there."""

    shard: int
    place: int
    first: int
    end: int


def merge_shards(shards: Shards, ids: Sequence[str], name: str, step: Callable[[], None] = lambda: None) -> Merged:
    """Read all shards of an extraction; a sample that is in several is taken from the first of them by name.

    The matrix is in memory once.

    Args:
        shards: of the extraction.
        ids: all ids of the data set, in order.
        name: what is extracted, for messages.
        step: called after every shard.

    Raises:
        InputError: samples are missing, none could be embedded, or the widths of shards differ.
    """
    known: list[tuple[Folder, dict[str, Any]]] = []
    source: dict[str, _Source] = {}
    dropped: dict[str, str] = {}
    for _, path, about in shards.finished():
        counts = about["nodes"]["counts"] if "nodes" in about else [1] * len(about["ids"])
        ends = np.cumsum(counts, dtype=int).tolist()
        for place, (i, count, end) in enumerate(zip(about["ids"], counts, ends, strict=True)):
            if i not in source and i not in dropped:
                source[i] = _Source(len(known), place, end - count, end)
        dropped |= {i: why for i, why in about["dropped"].items() if i not in source and i not in dropped}
        known.append((path, about))
        step()
    missing = [i for i in ids if i not in source and i not in dropped]
    if missing:
        first = f"starting with {missing[0]!r}"
        raise InputError(f"{name}: {len(missing)} samples are not finished, {first}; embed them again")
    kept = [i for i in ids if i in source]
    if not kept:
        reason = next(iter(dropped.values()), "the data set is empty")
        raise InputError(f"{name}: the model supports none of the {len(ids)} samples: {reason}")
    matrix, energies = _rows([source[i] for i in kept], shards, known, step)
    skipped = {i: dropped[i] for i in ids if i in dropped}
    return Merged(kept, matrix, energies, skipped, _nodes([source[i] for i in kept], known))


def _rows(
    sources: Sequence[_Source],
    shards: Shards,
    known: Sequence[tuple[Folder, Mapping[str, Any]]],
    step: Callable[[], None],
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the rows of samples, and their energies if each has one."""
    ends = np.cumsum([each.end - each.first for each in sources])
    of_shard: dict[int, list[tuple[int, int, _Source]]] = {}
    for sample, (end, each) in enumerate(zip(ends.tolist(), sources, strict=True)):
        of_shard.setdefault(each.shard, []).append((sample, end - (each.end - each.first), each))
    energies = np.empty(len(sources)) if all("energies" in known[s][1]["sha256"] for s in of_shard) else None
    matrix: np.ndarray | None = None
    read = shards.read([known[shard] for shard in of_shard])
    for (shard, members), arrays in zip(of_shard.items(), read, strict=True):
        part = arrays["embedding"]
        if matrix is None:
            matrix = np.empty((int(ends[-1]), part.shape[1]), part.dtype)
        if (part.shape[1], part.dtype) != (matrix.shape[1], matrix.dtype):
            raise InputError(
                f"{known[shard][0]} has width and dtype {(part.shape[1], part.dtype.name)}, but other shards have "
                f"{(matrix.shape[1], matrix.dtype.name)}: remove the wrong ones and embed again"
            )
        targets = np.concatenate([np.arange(start, start + each.end - each.first) for _, start, each in members])
        matrix[targets] = part[np.concatenate([np.arange(each.first, each.end) for _, _, each in members])]
        if energies is not None:
            energies[[sample for sample, _, _ in members]] = arrays["energies"][[each.place for _, _, each in members]]
        step()
    assert matrix is not None
    return matrix, energies


def _nodes(sources: Sequence[_Source], known: Sequence[tuple[Folder, Mapping[str, Any]]]) -> Nodes | None:
    if not any("nodes" in known[each.shard][1] for each in sources):
        return None
    numbers, labels = list[int](), list[str]()
    for each in sources:
        nodes = known[each.shard][1]["nodes"]
        numbers += nodes["numbers"][each.first : each.end]
        labels += nodes["labels"][each.first : each.end]
    return Nodes([each.end - each.first for each in sources], numbers, labels)
