"""Rows of atoms, residues or tokens instead of samples."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..adapter import Adapter
from ..base import InputError, Sample
from ..cards import ModelCard
from ..nodes import NODE_KINDS, UNKNOWN_ROWS, Nodes, UnplacedError, joined, place_rows, rows_of_nodes
from .outputs import checked_output

# Views -> what their models can have rows of.
VIEWS = {
    "atom": ("atoms", "smiles", "selfies"),
    "residue": ("sequence", "backbone", "protein_atoms"),
    "token": ("smiles", "selfies", "sequence", "text"),
}


def check_per(card: ModelCard, per: str | None, pooling: str | None = None) -> None:
    """Check that a model can have rows of atoms, residues or tokens.

    Raises:
        ValueError: it returns one vector per sample or reads something else, or a pooling is asked for too.
    """
    if per is None:
        return
    if per not in NODE_KINDS:
        raise InputError(f"unknown nodes {per!r}: use {', '.join(NODE_KINDS[:-1])} or {NODE_KINDS[-1]}")
    if pooling is not None:
        raise InputError(f"rows of {per}s are not pooled: omit the pooling {pooling!r}")
    if card.pooling == "none":
        raise InputError(f"{card.name} returns one vector per sample and none per {per}")
    if card.view not in VIEWS[per]:
        possible = [kind for kind in NODE_KINDS if card.view in VIEWS[kind]]
        hint = f"; it has rows per {' and per '.join(possible)}" if possible else ""
        raise InputError(f"{card.name} reads {card.view} and has no rows per {per}{hint}")


def check_per_before_loading(card: ModelCard, per: str | None, pooling: str | None = None) -> None:
    """As `check_per`, and also check what the class of the adapter says of a model that is not loaded yet.

    Raises:
        ValueError: as `check_per`; and rows of the model do not stand for single atoms or residues.
    """
    check_per(card, per, pooling)
    if per in (None, "token") or not card.adapter:
        return
    module, _, cls = card.adapter.partition(":")
    if not getattr(importlib.import_module(module), cls).places_nodes(card, per):
        hint = "; it has rows per token" if card.view in VIEWS["token"] else ""
        raise InputError(f"{UNKNOWN_ROWS.format(model=card.name, per=per)}{hint}")


def node_rule(card: ModelCard, per: str) -> str:
    """Return how rows are assigned to nodes, in words, for the recipe."""
    if per == "atom" and card.view != "atoms":
        return (
            "heavy atoms in RDKit's order, with the mean over the tokens that spell each; where there is a structure, "
            "matched to its atoms by the molecular graph"
        )
    if per == "residue" and card.view != "sequence":
        return "residues of the backbone, numbered as in the sequence"
    return f"{per}s in the order of the view"


def node_rows_of(
    output: Any, samples: Sequence[Sample], adapter: Adapter, per: str
) -> tuple[list[str], Any, Nodes, dict[str, str]]:
    """Return the rows that an adapter returned for a batch as rows of nodes.

    Returns:
        The ids of the samples that have nodes; rows [nodes, d], NumPy or torch; the nodes; and id -> reason of the
        other samples.

    Raises:
        OperationError: the output cannot be used; see `checked_output`.
        InputError: the model returned one vector per sample.
    """
    output = checked_output(output, len(samples), adapter.card)
    if output.counts is None:
        raise InputError(f"{adapter.card.name} returns one vector per sample and none per {per}")
    placements, starts, ids, lost = [], [], [], {}
    for sample, count, end in zip(samples, output.counts, np.cumsum(output.counts).tolist(), strict=True):
        try:
            placements.append(place_rows(adapter, sample, per, count))
        except UnplacedError as reason:
            lost[sample.id] = str(reason)
            continue
        starts.append(end - count)
        ids.append(sample.id)
    rows, nodes = rows_of_nodes(output.features, starts, placements)
    return ids, rows, nodes, lost


def joined_nodes(parts: Iterable[Nodes | None]) -> Nodes | None:
    """Return the nodes of several batches as those of one; None if they are of samples."""
    known = [part for part in parts if part is not None]
    return joined(known) if known else None


def selected_nodes(nodes: Nodes, order: np.ndarray) -> tuple[np.ndarray, Nodes]:
    """Return the rows of some samples in another order, and their nodes."""
    ends = np.cumsum(nodes.counts)
    rows = np.concatenate([np.arange(ends[i] - nodes.counts[i], ends[i]) for i in order.tolist()])
    numbers, labels = ([values[row] for row in rows.tolist()] for values in (nodes.numbers, nodes.labels))
    return rows, Nodes([nodes.counts[i] for i in order.tolist()], numbers, labels)
