"""Embed a data set with a model and store the result."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hyle.zoo import (
    Dataset,
    InputError,
    Key,
    Model,
    ModelCard,
    Representation,
    Store,
    find_card,
    keep_freed_memory,
    load,
    model_recipe,
    prepare,
    shorten,
)
from hyle.zoo.fleet import Fleet, Here, Job, address_of, fetched_card
from hyle.zoo.models import check_per_before_loading

from ..console import SILENT, SilentProgress, say, with_progress
from ..interrupts import INTERRUPTS
from ..options import split

KEPT = "embeddings so far are stored, and the same command continues"
# In the recipe of stored embeddings that only `hyle benchmark` has asked for.
BENCHMARK = "of_benchmark"


@dataclass(frozen=True)
class Shard:
    """Every ``n``-th sample of a data set, starting with the ``i``-th, counted from 1.

    Several processes can embed different shards at the same time, without a lock.
    """

    i: int
    n: int

    def __str__(self) -> str:
        return f"{self.i}/{self.n}"


@dataclass(frozen=True)
class Rows:
    """Which rows of a model are stored: see `embed` for the fields."""

    layer: str | None = None
    pooling: str | None = None
    per: str | None = None
    half: bool = False


@dataclass(frozen=True)
class Incomplete:
    """What is known of a representation after one of its shards.

    Args:
        model: name of the model.
        layer: the layer.
        total: number of samples of the data set.
        missing: number of samples that are not embedded yet; None if the shard has no samples, so that nothing was
            looked up.
        shards: the shards that these samples are in.
    """

    model: str
    layer: str
    total: int
    missing: int | None
    shards: Sequence[Shard]


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
    start, label = time.monotonic(), _label(name, layer)
    with progress.bar(label, len(dataset)) as update, INTERRUPTS.unwinding():
        card = fetched_card(name, notify=say)
        rows = Rows(layer, pooling, per, half)
        key, recipe, representation = _stored(card, dataset, store, rows, of_benchmark=of_benchmark)
        stored = representation is not None
        if representation is None:
            prepare(card, notify=say)  # before the stored recipe is made, which contains versions of packages
            job = _job(name, dataset, store, key, recipe(), device, rows, batch_size)
            shared = fleet is not None  # workers write without the lock of one process
            with store.extraction(key, job.ids, job.recipe, job.groups, shared=shared, replace=False) as extraction:
                (fleet or Here(loader, notify=say)).run(job, extraction, dataset.samples, update)
                representation = extraction.commit()
    progress.say(_line(label, representation, None if stored else start))
    return _without_mark(representation), stored


def embed_shard(
    name: str,
    dataset: Dataset,
    store: Store,
    shard: Shard,
    *,
    layer: str | None = None,
    pooling: str | None = None,
    per: str | None = None,
    half: bool = False,
    batch_size: int | None = None,
    device: str = "cpu",
    loader: Callable[..., Model] = load,
    progress: SilentProgress = SILENT,
) -> Representation | Incomplete:
    """Embed one shard of a data set with one model, while other processes embed other shards of it.

    Samples that any process has embedded already are skipped. The process that finds all samples embedded stores the
    representation, which is the same as that of `embed`.

    Args:
        name: see `embed`, also for the other arguments.
        dataset: all samples.
        store: where the embeddings are stored; no lock of its file system is used.
        shard: which samples this process embeds.
        layer: default the first of the card.
        pooling: default that of the card.
        per: see `embed`.
        half: see `embed`.
        batch_size: default that of the card.
        device: name of a torch device.
        loader: loads the model if there is anything to embed.
        progress: shows a progress bar and a summary; default nothing.

    Returns:
        The representation if it is complete, else what is missing.

    Raises:
        OutputError: the store cannot be written.
    """
    start, label = time.monotonic(), _label(name, layer)
    own = dataset.samples[shard.i - 1 :: shard.n]
    with progress.bar(f"{label} {shard}", len(own)) as update, INTERRUPTS.unwinding():
        card = fetched_card(name, notify=say)
        rows = Rows(layer, pooling, per, half)
        key, recipe, representation = _stored(card, dataset, store, rows, shared=True)
        stored = representation is not None
        if representation is None and own:
            prepare(card, notify=say)
            job = _job(name, dataset, store, key, recipe(), device, rows, batch_size)
            with store.extraction(key, job.ids, job.recipe, job.groups, shared=True) as extraction:
                Here(loader, notify=say).run(job, extraction, own, update)
                missing = set(extraction.unfinished())
                if not missing:
                    representation = extraction.commit()
    if representation is None and not own:
        of_samples = "1 sample" if len(dataset) == 1 else f"{len(dataset)} samples"
        progress.say(f"  {label:<18} shard {shard} is empty, because the data set has only {of_samples}")
        return Incomplete(name, key.layer, len(dataset), None, [])
    if representation is None:
        parts = sorted({position % shard.n for position, i in enumerate(dataset.ids) if i in missing})
        shards = [Shard(part + 1, shard.n) for part in parts]
        left = f"{len(missing)} of {len(dataset)}"
        progress.say(f"  {label:<18} shard {shard} is done; samples of the whole data set still missing: {left}")
        return Incomplete(name, key.layer, len(dataset), len(missing), shards)
    progress.say(_line(label, representation, None if stored else start))
    return _without_mark(representation)


def _job(
    name: str,
    dataset: Dataset,
    store: Store,
    key: Key,
    recipe: Mapping[str, Any],
    device: str,
    rows: Rows,
    batch_size: int | None,
) -> Job:
    of_model = name, device, rows.layer, rows.pooling, rows.per, batch_size
    return Job(*of_model, address_of(store), key, recipe, dataset.ids, dataset.groups)


def _label(name: str, layer: str | None) -> str:
    return name if layer is None else f"{name}@{layer}"


def _line(label: str, representation: Representation, start: float | None) -> str:
    n, d = representation.embedding.shape
    per = representation.recipe.get("per")
    rows = f"{len(set(representation.groups['sample']))} samples, {n} {per}s" if per else f"{n}"
    how = "from the store" if start is None else f"{time.monotonic() - start:.1f} s"
    skipped = ""
    if dropped := representation.dropped:
        reason, count = Counter(dropped.values()).most_common(1)[0]
        others = "" if count == len(dropped) else f" ({count} of them)"
        skipped = f", {len(dropped)} skipped: {shorten(reason)}{others}"
    return f"  {label:<18} {rows} x {d:<5} {how}{skipped}"


def _stored(
    card: ModelCard,
    dataset: Dataset,
    store: Store,
    rows: Rows,
    *,
    of_benchmark: bool = False,
    shared: bool = False,
) -> tuple[Key, Callable[[], dict[str, Any]], Representation | None]:
    """Return the key of a representation, a function that makes its recipe, and the representation if it is stored."""

    def recipe() -> dict[str, Any]:
        mark = {BENCHMARK: True} if of_benchmark else {}
        of_model = model_recipe(card, layer=rows.layer, pooling=rows.pooling, per=rows.per)
        return of_model | ({"dtype": "float16"} if rows.half else {}) | dataset.recipe_for(card.view) | mark

    key = Key.of(recipe())
    representation = store.load(key)
    if representation is None and card.versions:
        prepare(card, notify=say)  # versions in the key are known only if the environment exists
        key = Key.of(recipe())
        representation = store.load(key)
    if representation is not None and (
        "ids" not in representation.recipe or (not representation.groups and dataset.groups)
    ):
        # Earlier releases stored neither, and the hash in the key says that the data set is the same.
        representation = _completed(representation, dataset)
        store.save(key, representation, shared=shared)
    if representation is not None and BENCHMARK in representation.recipe and not of_benchmark:
        representation = _without_mark(representation)
        store.save(key, representation, shared=shared)
    INTERRUPTS.kept = KEPT
    return key, recipe, representation


def _without_mark(representation: Representation) -> Representation:
    recipe = {name: value for name, value in representation.recipe.items() if name != BENCHMARK}
    return replace(representation, recipe=recipe)


def _completed(representation: Representation, dataset: Dataset) -> Representation:
    """Return a representation of a data set with the origin of its ids and its groups."""
    samples = representation.groups.get("sample", representation.ids)
    groups = {kind: [labels[i] for i in samples] for kind, labels in dataset.groups.items()}
    return replace(representation, recipe={**representation.recipe, "ids": dataset.ids_from}, groups=groups)


embed_with_progress = with_progress(embed, prepare=keep_freed_memory)
embed_shard_with_progress = with_progress(embed_shard, prepare=keep_freed_memory)


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


class LastModelCache:
    """A loader of models that keeps the last model, for its other layers."""

    def __init__(self) -> None:
        self._last: tuple[str, Model] | None = None

    def __call__(self, name: str, **options: Any) -> Model:
        """Return the model, which is loaded unless it is the last one."""
        if self._last is None or self._last[0] != name:
            self._last = None  # so that two models are never in memory at the same time
            self._last = name, load(name, **options)
        return self._last[1]
