"""Embed a data set with a model, into the store."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Sequence
from typing import Any

from hyle.zoo import (
    Dataset,
    InputError,
    Key,
    Model,
    Representation,
    Store,
    check_hashes,
    fetch,
    find_card,
    keep_freed_memory,
    load,
    model_recipe,
    prepare,
)

from ..console import progress_bar, say

# Samples that are committed together: what an interruption loses at most.
SHARD_SIZE = 128


def embed(
    name: str,
    dataset: Dataset,
    store: Store,
    *,
    layer: str | None = None,
    pooling: str | None = None,
    batch_size: int | None = None,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
    loader: Callable[..., Model] = load,
) -> tuple[Representation, bool]:
    """Embed a data set with one model, or return what the store has.

    Args:
        name: a model of the zoo.
        dataset: the samples.
        store: where the result is kept; a shard of 128 samples is safe as soon as it is written.
        layer: default the card's first.
        pooling: default the card's.
        batch_size: default the card's.
        device: as torch names devices.
        progress: called with (samples done, samples in all).
        loader: gives the model where the store has no answer.

    Returns:
        The representation, and whether it was in the store already.
    """
    card = find_card(name, notify=say)
    if card.weights is not None and card.weights.remote:
        check_hashes(card)  # before anything is downloaded or installed
        if card.weights.url or importlib.util.find_spec("huggingface_hub"):
            fetch(card.weights, notify=say)  # whose hash or commit is part of the key

    def recipe() -> dict[str, Any]:
        data = {"dataset": dataset.name, "dataset_version": dataset.version, "dataset_source": dataset.source}
        return model_recipe(card, layer=layer, pooling=pooling) | data

    key = Key.of(recipe())
    found = store.load(key)
    if found is not None:
        return found, True
    prepare(card, notify=say)  # before the recipe that is kept, which names versions
    model = loader(name, device=device, isolate=True, notify=say)
    strange = getattr(model.adapter, "unknown_tokens", 0)
    with store.extraction(key, dataset.ids, recipe()) as extraction:
        finished = extraction.finished
        todo = [sample for sample in dataset if sample.id not in finished]
        for start in range(0, len(todo), SHARD_SIZE):
            before = len(dataset) - len(todo) + start

            def show(done: int, _: int, before: int = before) -> None:
                if progress is not None:
                    progress(before + done, len(dataset))

            shard = todo[start : start + SHARD_SIZE]
            batch = model.run(shard, layer=layer, pooling=pooling, batch_size=batch_size, progress=show)
            extraction.write_shard(batch.ids, batch.embedding, batch.energies, batch.dropped)
        if met := getattr(model.adapter, "unknown_tokens", 0) - strange:
            say(f"  {name} met {met} tokens that it does not know; it was not trained on such strings")
        return extraction.commit(), False


def check_views(names: Sequence[str], data: Dataset) -> None:
    """Raise before the first model runs where one of them cannot read the samples."""
    for name in names:
        view = find_card(name).view
        if view != "any" and view not in data.views:
            has = ", ".join(data.views) or "no view in common"
            raise InputError(f"{name} reads {view}, and all samples of {data.name} have: {has}; see hyle models")


class LastModelCache:
    """Loads models, and keeps the last one for its other layers."""

    def __init__(self) -> None:
        self._last: tuple[str, Model] | None = None

    def __call__(self, name: str, **options: Any) -> Model:
        """Return the model, loaded anew where it is another than the last."""
        if self._last is None or self._last[0] != name:
            self._last = None  # so that two never share the memory
            self._last = name, load(name, **options)
        return self._last[1]


def embed_with_progress(
    name: str,
    dataset: Dataset,
    store: Store,
    *,
    layer: str | None = None,
    pooling: str | None = None,
    batch_size: int | None = None,
    device: str = "cpu",
    loader: Callable[..., Model] = load,
) -> tuple[Representation, bool]:
    """Do what `embed` does, and show it."""
    start = time.monotonic()
    keep_freed_memory()
    shown = name if layer is None else f"{name}@{layer}"
    with progress_bar(shown, len(dataset)) as update:
        representation, reused = embed(
            name,
            dataset,
            store,
            layer=layer,
            pooling=pooling,
            batch_size=batch_size,
            device=device,
            progress=lambda done, total: update(done, ""),
            loader=loader,
        )
    n, d = representation.embedding.shape
    how = "from the store" if reused else f"{time.monotonic() - start:.1f} s"
    lost = f", {len(representation.dropped)} left out" if representation.dropped else ""
    say(f"  {shown:<18} {n} x {d:<5} {how}{lost}")
    return representation, reused
