"""Find the representations that a command line names: files, or models in the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hyle.zoo import READERS, InputError, Representation, Store, did_you_mean, list_models, read_embeddings


def find_representations(
    sources: Sequence[str],
    store: Store,
    *,
    dataset: str | None = None,
    layer: str | None = None,
    pooling: str | None = None,
    ids_paths: Sequence[Path] = (),
) -> list[Representation]:
    """Read files of embeddings, and load stored embeddings of models.

    Args:
        sources: files of embeddings, models with one stored representation, or MODEL@LAYER and MODEL@all; empty for
            everything in the store.
        store: where models are looked up.
        dataset: the name, NAME-VERSION or file of the data set, where several are stored.
        layer: the layer, where several are stored.
        pooling: the pooling, where several are stored.
        ids_paths: the ids of the .npy files among the sources, in their order; empty where they are next to them.

    Returns:
        The representations in the order of `sources`.

    Raises:
        InputError: a source that is neither a file nor stored, or stored more than once; lists what is stored.
    """
    arrays = [source for source in sources if source.endswith(".npy")]
    if ids_paths and len(arrays) != len(ids_paths):
        raise InputError(f"--ids was given {len(ids_paths)} times for {len(arrays)} .npy files: give it once for each")
    ids = dict(zip(arrays, ids_paths, strict=False))
    # Files need nothing from the store, and a broken store must not affect them.
    entries = [
        entry
        for entry in ([] if sources and all(map(_is_file, sources)) else store.list())
        if dataset is None or {dataset, Path(dataset).name} & {entry.recipe.get("dataset"), entry.key.dataset}
    ]

    def select(stored: Sequence[Any]) -> list[Any]:
        return [e for e in stored if layer in (None, e.key.layer) and pooling in (None, e.key.pooling)]

    if sources:
        return [
            representation
            for source in sources
            for representation in (
                _layers(source, store, entries) or [_find(source, store, entries, select, ids.get(source))]
            )
        ]
    entries = select(entries)
    names = sorted({f"{entry.key.dataset} ({entry.n} samples)" for entry in entries})
    if len({entry.key.dataset for entry in entries}) > 1:
        raise InputError(f"the store has several data sets: choose with --dataset: {', '.join(names)}")
    if not entries:
        raise InputError(f"{store.root} has no embeddings; to make some: hyle embed minilm chgnet-0.3.0")
    loaded = [store.load(entry.key) for entry in entries]
    return [representation for representation in loaded if representation is not None]


def _layers(source: str, store: Store, entries: Sequence[Any]) -> list[Representation]:
    """Return the representations of MODEL@LAYER or MODEL@all, layers in the order of the card; else an empty list."""
    name, at, layer = source.rpartition("@")
    if not at or _is_file(source) or any(entry.key.model == source for entry in entries):
        return []
    stored = [entry for entry in entries if entry.key.model == name]
    selected = [entry for entry in stored if layer in ("all", entry.key.layer)]
    if not selected:
        layers = ", ".join(sorted({entry.key.layer for entry in stored})) or "none"
        raise InputError(
            f"{source}: of {name} the store has these layers: {layers}; to add all: hyle embed {name} --layers all"
        )
    duplicates = {
        entry.key.layer for entry in selected if sum(entry.key.layer == other.key.layer for other in selected) > 1
    }
    if duplicates:
        raise InputError(f"{name}@{min(duplicates)} is stored several times: choose with --dataset or --pooling")
    order = next((list(card.layers) for card in list_models() if card.name == name), [])
    selected.sort(key=lambda entry: order.index(entry.key.layer) if entry.key.layer in order else len(order))
    loaded = [store.load(entry.key) for entry in selected]
    return [
        replace(rep, name=f"{name}@{e.key.layer}") for rep, e in zip(loaded, selected, strict=True) if rep is not None
    ]


def _is_file(source: str) -> bool:
    return Path(source).suffix.lower() in READERS or Path(source).exists()


def _find(
    source: str,
    store: Store,
    entries: Sequence[Any],
    select: Callable[[Sequence[Any]], list[Any]],
    ids_path: Path | None,
) -> Representation:
    if _is_file(source):
        return read_embeddings(source, ids_path=ids_path)
    stored = [entry for entry in entries if entry.key.model == source]
    if len(stored) > 1:  # a model that is stored once needs no selection, even if one was given for the others
        stored = select(stored) or stored
    if len(stored) > 1:
        listed = [f"{e.key.dataset} {e.key.layer} {e.key.pooling} ({e.n} samples)" for e in stored]
        raise InputError(
            f"{source} is stored {len(stored)} times; choose with --dataset, --layer or --pooling: {'; '.join(listed)}"
        )
    representation = store.load(stored[0].key) if stored else None
    if representation is None:
        models = [card.name for card in list_models()]
        if source in models:
            raise InputError(f"{source} is not in the store {store.root} yet; embed it first: hyle embed {source}")
        raise InputError(f"{source!r} is neither a file nor a model{did_you_mean(source, models)}")
    return representation
