"""Embed a data set with a model and store the result."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, TypeVar

from hyle.zoo import Dataset, InputError, Model, ModelCard, Representation, Store, find_card, keep_freed_memory, load
from hyle.zoo.fleet import Fleet, Here, Part, fetched_card
from hyle.zoo.models import check_per_before_loading

from ..console import SILENT, SilentProgress, say, with_progress
from ..interrupts import INTERRUPTS
from ..options import split
from .stored_rows import Rows, find_rows, how_made, label_of, line_of, without_mark

T = TypeVar("T")


def embed(
    name: str,
    dataset: Dataset,
    store: Store,
    *,
    layer: str | None = None,
    pooling: str | None = None,
    per: str | None = None,
    half: bool = False,
    batch_size: int | None = None,
    device: str = "cpu",
    loader: Callable[..., Model] = load,
    of_benchmark: bool = False,
    fleet: Fleet | None = None,
    progress: SilentProgress = SILENT,
) -> tuple[Representation, bool]:
    """Embed a data set with one model, or read the embeddings from the store.

    An interrupted call continues after the last complete shard of 128 samples.

    Args:
        name: a model of the zoo.
        dataset: the samples.
        store: where the embeddings are stored.
        layer: default the first of the card.
        pooling: default that of the card.
        per: ``atom``, ``residue`` or ``token`` for rows of these instead of samples.
        half: store the rows as float16.
        batch_size: default that of the card.
        device: name of a torch device.
        loader: loads the model if the embeddings are not stored yet.
        of_benchmark: mark new embeddings as those of `hyle benchmark`, which `hyle compare` takes only where there are
            no others; the mark is removed when they are asked for without it.
        fleet: the workers that embed; default this process, with the model of the loader.
        progress: shows a progress bar and a summary; default nothing. Downloads are always announced.

    Returns:
        The representation, and whether it was in the store already.

    Raises:
        OutputError: the store cannot be written.
    """
    (made,) = embed_together(
        name,
        dataset,
        store,
        [layer],
        lambda representation, stored: (representation, stored),
        pooling=pooling,
        per=per,
        half=half,
        batch_size=batch_size,
        device=device,
        loader=loader,
        of_benchmark=of_benchmark,
        fleet=fleet,
        progress=progress,
    )
    return made


def embed_together(
    name: str,
    dataset: Dataset,
    store: Store,
    layers: Sequence[str | None],
    take: Callable[[Representation, bool], T],
    *,
    pooling: str | Sequence[str | None] | None = None,
    per: str | None = None,
    half: bool = False,
    batch_size: int | None = None,
    device: str = "cpu",
    loader: Callable[..., Model] = load,
    of_benchmark: bool = False,
    fleet: Fleet | None = None,
    progress: SilentProgress = SILENT,
) -> list[T]:
    """Embed a data set with several layers of one model, in one pass if its adapter can, as `embed` does with one.

    Args:
        name: see `embed`, also for the other arguments.
        dataset: the samples.
        store: where the embeddings are stored, each layer under its own key.
        layers: the layers; None for the first of the card.
        take: called with each representation, and whether it was in the store already. Only what it returns is kept, so
            that the rows of one layer are in memory at a time.
        pooling: default that of the card; of several, each layer is embedded with each.
        per: see `embed`.
        half: see `embed`.
        batch_size: default that of the card.
        device: name of a torch device.
        loader: loads the model if anything is not stored yet.
        of_benchmark: see `embed`.
        fleet: see `embed`.
        progress: see `embed`.

    Returns:
        What ``take`` has returned, for each layer and within it for each pooling.

    Raises:
        OutputError: the store cannot be written.
    """
    if not layers:
        return []
    poolings = [pooling] if pooling is None or isinstance(pooling, str) else pooling
    start = time.monotonic()
    with progress.bar(label_of(name, *layers), len(dataset)) as update, INTERRUPTS.unwinding():
        card = fetched_card(name, notify=say)

        def label(rows: Rows | Part) -> str:
            return label_of(name, rows.layer, pooling=rows.pooling if len(poolings) > 1 else None)

        def found_there(rows: Rows, representation: Representation) -> T:
            progress.say(line_of(label(rows), representation, "from the store"))
            return take(representation, True)

        wanted = [Rows(layer, each, per, half) for layer in layers for each in poolings]
        found = find_rows(card, dataset, store, wanted, found_there, of_benchmark=of_benchmark)
        if found.missing:
            job = found.job(name, card, dataset, store, device, batch_size)
            shared = fleet is not None  # workers write without the lock of one process
            with ExitStack() as stack:
                extractions = [
                    stack.enter_context(
                        store.extraction(part.key, job.ids, part.recipe, job.groups, shared=shared, replace=False)
                    )
                    for part in job.parts
                ]
                (fleet or Here(loader, notify=say)).run(job, extractions, dataset.samples, update)
                how = how_made(start, len(job.parts), len(poolings))
                for part, extraction in zip(job.parts, extractions, strict=True):
                    representation = extraction.commit()
                    progress.say(line_of(label(part), representation, next(how)))
                    found.taken[part.key] = take(without_mark(representation), False)
    return [found.taken[key] for key in found.keys]


embed_with_progress = with_progress(embed, prepare=keep_freed_memory)
embed_together_with_progress = with_progress(embed_together, prepare=keep_freed_memory)


def check_views(names: Sequence[str], data: Dataset, *, per: str | None = None, pooling: str | None = None) -> None:
    """Check before the first model runs that all models can read the samples, and return the rows that are asked for.

    Raises:
        InputError: a model reads a view that not all samples have, or has no rows of such nodes.
    """
    for name in names:
        card = find_card(name)
        check_per_before_loading(card, per, pooling)
        view = card.view
        if view != "any" and view not in data.views:
            present = ", ".join(data.views) or "no view in common"
            raise InputError(f"{name} reads {view}, and all samples of {data.name} have: {present}; see hyle models")


def chosen_layers(card: ModelCard, layers: str | None) -> list[str]:
    """Return the layers of a comma-separated list, or all layers of the card for ``all``."""
    return list(card.layers) if layers == "all" else split(layers) or []


def embedding_data(representation: Representation, dataset: Dataset) -> Mapping[str, Any]:
    """Return the facts of a representation of a data set as plain data, without its rows."""
    return {
        "model": representation.name,
        "layer": representation.recipe["layer"],
        "shape": list(representation.embedding.shape),
        "dropped": dict(representation.dropped),
        "left_out": dict(dataset.left_out),
        "remarks": {statement: dict(details) for statement, details in dataset.remarks.items()},
        "groups": {kind: len(set(labels.values())) for kind, labels in dataset.groups.items()},
        "energies": representation.energies is not None,
        "recipe": dict(representation.recipe),
    }
