"""Embed samples with a loaded model."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from packaging.requirements import Requirement

from ..adapter import Adapter
from ..base import (
    MAX_REASON,
    Dataset,
    InputError,
    InputTypeError,
    OperationError,
    Representation,
    Sample,
    did_you_mean,
    is_on_purpose,
    shorten,
)
from ..cards import ModelCard
from ..embeddings import to_numpy
from ..environments import versions_of
from ..nodes import Nodes
from ..weights import PREFIX, weights_origin, weights_version
from .node_rows import check_per, joined_nodes, node_rows_of, node_rule, selected_nodes
from .outputs import outputs_of, rows_of, same_width, unsupported_reason
from .pooling import cumulant_order


@dataclass(frozen=True)
class EmbeddedBatch:
    """The embeddings of some samples by a model.

    Args:
        ids: ids of the n samples.
        embedding: torch tensor or array [n, d]; [0, 0] if all samples were dropped. With nodes [nodes, d].
        energies: [n] float64 in eV, or None.
        dropped: id -> reason, for the samples that the model could not embed.
        nodes: the atoms, residues or tokens that the rows are of, or None for rows of samples.
    """

    ids: list[str]
    embedding: Any
    energies: np.ndarray | None
    dropped: dict[str, str]
    nodes: Nodes | None = None


def model_recipe(
    card: ModelCard, *, layer: str | None = None, pooling: str | None = None, per: str | None = None
) -> dict[str, Any]:
    """Return the recipe (provenance) of the embeddings of a model, without the entries of the data set.

    Args:
        card: the card of the model.
        layer: one of its layers; default the first.
        pooling: ``mean``, ``sum`` or ``cumulants(m)``; default that of the card.
        per: ``atom``, ``residue`` or ``token`` for rows of these; None for rows of samples.

    Raises:
        ValueError: a layer, a pooling or nodes that the model does not have.
    """
    check_per(card, per, pooling)
    packages = ["torch"] if card.weights is not None and card.torch else []
    packages += [Requirement(need).name for need in (*card.requirements, *card.no_deps)]
    packages += [name for name in card.versions if name not in packages]
    versions = versions_of(card, packages)
    libraries = {name: versions[name] for name in card.versions}
    return {
        "model": card.name,
        "weights": weights_version(card.weights) if card.weights else "none",
        "weights_from": weights_origin(card.weights) if card.weights else "none",
        "view": card.view,
        "layer": _layer(card, layer),
        "pooling": "none" if per else _pooling(card, pooling),
        **({"per": per, "nodes": node_rule(card, per)} if per else {}),
        "versions": versions,
    } | ({"libraries": libraries} if libraries else {})


class Model:
    """A loaded model.

    Args:
        card: its card.
        adapter: its adapter, with the weights loaded.
    """

    def __init__(self, card: ModelCard, adapter: Adapter) -> None:
        self.card, self.adapter = card, adapter

    def embed(
        self,
        samples: Sequence[Sample] | Dataset,
        *,
        layer: str | None = None,
        pooling: str | None = None,
        per: str | None = None,
        batch_size: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Representation:
        """Embed samples.

        Args:
            samples: samples that have the view given in the card.
            layer: one of ``card.layers``; default the first.
            pooling: ``mean``, ``sum`` or ``cumulants(m)``; default that of the card.
            per: ``atom``, ``residue`` or ``token`` for a row of each of these instead of pooling; see `hyle.zoo.nodes`.
            batch_size: default that of the card; rows do not depend on it beyond rounding errors. It is halved when
                the device runs out of memory.
            progress: called with (samples done, total samples) after each batch.

        Returns:
            Representation whose embedding is [n, d] on the device of the model; samples that the model cannot embed
            are in ``dropped``, with the reason. Rows of nodes have the ids ``SAMPLE#NUMBER``, and groups by sample and
            by element, residue or token.

        Raises:
            ValueError: a sample without the view, an unknown layer or pooling, or no sample that the model can embed.
        """
        recipe = model_recipe(self.card, layer=layer, pooling=pooling, per=per)
        batch = self.run(samples, layer=layer, pooling=pooling, per=per, batch_size=batch_size, progress=progress)
        return self._representation(batch, samples, recipe)

    def embed_layers(
        self,
        samples: Sequence[Sample] | Dataset,
        *,
        layers: Sequence[str] | None = None,
        poolings: Sequence[str] | None = None,
        per: str | None = None,
        batch_size: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Representation]:
        """Embed samples with several layers and several poolings, in one pass if the adapter is a `OnePassAdapter`.

        Args:
            samples: see `embed`, also for the other arguments.
            layers: some of ``card.layers``; default all.
            poolings: default that of the card.
            per: see `embed`.
            batch_size: see `embed`.
            progress: see `embed`.

        Returns:
            What `embed` returns for each layer and, within it, each pooling, under the name MODEL@LAYER, followed by a
            space and the pooling if there are several.

        Raises:
            ValueError: as `embed`.
        """
        chosen: Sequence[str | None] = poolings or [None]
        of_model = self.card.layers if layers is None else layers
        wanted = [(layer, pooling) for layer in of_model for pooling in chosen]
        recipes = [model_recipe(self.card, layer=layer, pooling=pooling, per=per) for layer, pooling in wanted]
        batches = self.run_layers(samples, wanted, per=per, batch_size=batch_size, progress=progress)
        found = []
        for batch, recipe in zip(batches, recipes, strict=True):
            name = f"{self.card.name}@{recipe['layer']}"
            name = f"{name} {recipe['pooling']}" if len(chosen) > 1 else name
            found.append(replace(self._representation(batch, samples, recipe), name=name))
        return found

    def _representation(
        self, batch: EmbeddedBatch, samples: Sequence[Sample] | Dataset, recipe: dict[str, Any]
    ) -> Representation:
        if isinstance(samples, Dataset):
            recipe |= samples.recipe
        if not batch.ids:
            reason = next(iter(batch.dropped.values()), "there are no samples")
            raise InputError(f"{self.card.name} supports none of the {len(samples)} samples: {reason}")
        if batch.nodes is not None:
            ids, groups = batch.nodes.ids(batch.ids), batch.nodes.groups(batch.ids, recipe["per"])
            return Representation(self.card.name, batch.embedding, ids, recipe, None, batch.dropped, groups)
        return Representation(self.card.name, batch.embedding, batch.ids, recipe, batch.energies, batch.dropped)

    def run(
        self,
        samples: Sequence[Sample] | Dataset,
        *,
        layer: str | None = None,
        pooling: str | None = None,
        per: str | None = None,
        batch_size: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> EmbeddedBatch:
        """Embed samples like `embed`, but without a recipe and without an error if all samples are dropped."""
        return self.run_layers(samples, [(layer, pooling)], per=per, batch_size=batch_size, progress=progress)[0]

    def run_layers(
        self,
        samples: Sequence[Sample] | Dataset,
        wanted: Sequence[tuple[str | None, str | None]],
        *,
        per: str | None = None,
        batch_size: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[EmbeddedBatch]:
        """Embed samples like `run` with several pairs of a layer and a pooling, in one pass if the adapter can."""
        for _, pooling in wanted:
            check_per(self.card, per, pooling)
        chosen = [(_layer(self.card, layer), _pooling(self.card, pooling)) for layer, pooling in wanted]
        size = self.card.batch_size if batch_size is None else batch_size
        if size < 1:
            raise InputError(f"batch_size must be at least 1; got {size}")
        rows = list(samples)
        # Batches of samples of similar size need the least padding and the least memory.
        order = sorted(range(len(rows)), key=lambda i: _extent(rows[i], self.card.view))
        parts: list[list[EmbeddedBatch]] = []
        start = 0
        while start < len(rows):
            try:
                parts.append(self._forward([rows[i] for i in order[start : start + size]], chosen, per))
            except RuntimeError as error:
                if size == 1 or not out_of_memory(error):
                    raise
                size //= 2  # for all later batches too: their samples are at least as large
                continue
            start += size
            if progress is not None:
                progress(min(start, len(rows)), len(rows))
        ids = [sample.id for sample in rows]
        of_each = ([part[k] for part in parts] for k in range(len(chosen)))
        return [_restore_order(_concatenate(each, self.card), ids) for each in of_each]

    def _forward(
        self, samples: list[Sample], wanted: Sequence[tuple[str, str]], per: str | None
    ) -> list[EmbeddedBatch]:
        dropped: dict[str, str] = {}
        for sample in samples:
            if not isinstance(sample, Sample):
                raise InputTypeError(f"expected hyle.zoo.Sample, such as Sample('a', smiles='CCO'); got {sample!r}")
            view: Any = None if self.card.view == "any" else sample.view(self.card.view)
            empty = self.card.view == "atoms" and len(view) == 0
            reason = "no atoms" if empty else unsupported_reason(self.adapter.unsupported(sample), self.card)
            if reason is not None:
                dropped[sample.id] = reason
        kept = [sample for sample in samples if sample.id not in dropped]
        if not kept:
            return [_concatenate([EmbeddedBatch([], None, None, dropped)], self.card)] * len(wanted)
        layers = list(dict.fromkeys(layer for layer, _ in wanted))
        with hub_errors(self.card):
            outputs = dict(zip(layers, outputs_of(self.adapter, kept, layers), strict=True))
        return [self._batch(outputs[layer], kept, dropped, pooling, per) for layer, pooling in wanted]

    def _batch(
        self, output: Any, kept: list[Sample], dropped: dict[str, str], pooling: str, per: str | None
    ) -> EmbeddedBatch:
        if per:
            placed, features, nodes, lost = node_rows_of(output, kept, self.adapter, per)
            batch = _concatenate([EmbeddedBatch(placed, features, None, dropped | lost, nodes)], self.card)
        else:
            features, energies = rows_of(output, len(kept), self.card, pooling)
            batch = EmbeddedBatch([sample.id for sample in kept], features, energies, dropped)
        return _finite(batch, self.card)


@contextmanager
def hub_errors(card: ModelCard) -> Iterator[None]:
    """Raise any error of a model of the Hugging Face Hub as an `OperationError`: it was never tested with hyle."""
    try:
        yield
    except Exception as error:
        if not card.name.startswith(PREFIX) or is_on_purpose(error) or out_of_memory(error):
            raise
        frame = traceback.extract_tb(error.__traceback__)[-1]
        message = shorten(" ".join(f"{type(error).__name__}: {error}".split()), MAX_REASON)
        raise OperationError(
            f"{card.name} does not run in hyle: {message} ({Path(frame.filename).name}:{frame.lineno})"
        ) from error


def _extent(sample: Sample, view: str) -> int:
    """Return the size of a view of a sample: its number of atoms, characters or residues; 0 if it has no such view."""
    value = getattr(sample, view, None)
    return len(value) if value is not None else 0


def out_of_memory(error: Exception) -> bool:
    """Return whether torch raised an error because the device has too little memory."""
    # On an accelerator torch raises torch.OutOfMemoryError; on the CPU a RuntimeError with only a message to go by.
    return type(error).__name__ == "OutOfMemoryError" or "not enough memory" in str(error)


def _finite(batch: EmbeddedBatch, card: ModelCard) -> EmbeddedBatch:
    """Return the batch without the samples for which the model returned a number that is not finite."""
    finite = np.isfinite if isinstance(batch.embedding, np.ndarray) else type(batch.embedding).isfinite
    wrong = np.flatnonzero(~to_numpy(finite(batch.embedding).all(-1)))
    if not len(wrong):
        return batch
    if batch.nodes is not None:
        wrong = np.repeat(np.arange(len(batch.ids)), batch.nodes.counts)[wrong]
    lost = {batch.ids[at]: "the model returned NaN or infinite numbers" for at in dict.fromkeys(wrong.tolist())}
    rest = [id_ for id_ in batch.ids if id_ not in lost]
    dropped = batch.dropped | lost
    if not rest:
        return _concatenate([EmbeddedBatch([], None, None, dropped)], card)
    return replace(_restore_order(batch, rest), dropped=dropped)


def _restore_order(batch: EmbeddedBatch, ids: Sequence[str]) -> EmbeddedBatch:
    """Return the batch with its rows in the order of ``ids``."""
    position = {id_: i for i, id_ in enumerate(batch.ids)}
    kept = [id_ for id_ in ids if id_ in position]
    if kept == batch.ids:
        return batch
    order = np.array([position[id_] for id_ in kept])
    energies = None if batch.energies is None else batch.energies[order]
    dropped = {id_: batch.dropped[id_] for id_ in ids if id_ in batch.dropped}
    if batch.nodes is not None:
        rows, nodes = selected_nodes(batch.nodes, order)
        return EmbeddedBatch(kept, batch.embedding[rows], None, dropped, nodes)
    return EmbeddedBatch(kept, batch.embedding[order], energies, dropped)


def _concatenate(parts: Sequence[EmbeddedBatch], card: ModelCard) -> EmbeddedBatch:
    nonempty = [part for part in parts if part.ids]
    ids = [i for part in nonempty for i in part.ids]
    dropped = {i: reason for part in parts for i, reason in part.dropped.items()}
    if not nonempty:
        return EmbeddedBatch(ids, np.zeros((0, 0), np.float32), None, dropped)
    same_width([part.embedding for part in nonempty], card)
    energies = [part.energies for part in nonempty if part.energies is not None]
    all_energies = np.concatenate(energies) if len(energies) == len(nonempty) else None
    nodes = joined_nodes(part.nodes for part in nonempty)
    return EmbeddedBatch(ids, _stack([part.embedding for part in nonempty]), all_energies, dropped, nodes)


def _layer(card: ModelCard, layer: str | None) -> str:
    layers = list(card.layers)
    if layer is not None and layer not in layers:
        hint = did_you_mean(layer, layers)
        raise InputError(f"{card.name} has no layer {layer!r}{hint} It has: {', '.join(layers)}")
    return layer or layers[0]


def _pooling(card: ModelCard, pooling: str | None) -> str:
    if card.pooling == "none":
        if pooling not in (None, "none"):
            raise InputError(f"{card.name} returns one vector per sample: pooling {pooling!r} does not apply")
        return "none"
    chosen = pooling or card.pooling
    if chosen not in ("mean", "sum") and cumulant_order(chosen) is None:
        raise InputError(f"unknown pooling {chosen!r}: use mean, sum or cumulants(1..4)")
    return chosen


def _stack(parts: list[Any]) -> Any:
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    import torch

    return torch.cat(parts)
