"""Which representations the words of a command line mean: files, or models in the store."""

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
    """Return the representations that files or names of stored models stand for.

    Args:
        sources: files of embeddings, models with one stored representation, or MODEL@LAYER and MODEL@all; empty for
            all of the store.
        store: where the models are looked up.
        dataset: the name, NAME-VERSION or file of the data set, where the store has several.
        layer: the layer, where the store has several.
        pooling: the pooling, where the store has several.
        ids_paths: the ids of the .npy files among the sources, in their order; empty where they lie beside them.

    Raises:
        ValueError: neither a file nor stored, or stored more than once; says what there is.
    """
    arrays = [source for source in sources if source.endswith(".npy")]
    if ids_paths and len(arrays) != len(ids_paths):
        raise InputError(f"--ids was given {len(ids_paths)} times for {len(arrays)} .npy files: give it once for each")
    ids = dict(zip(arrays, ids_paths, strict=False))
    # Files alone need nothing of the store, and must not suffer from what is in it.
    entries = [
        entry
        for entry in ([] if sources and all(map(_is_file, sources)) else store.list())
        if dataset is None or {dataset, Path(dataset).name} & {entry.recipe.get("dataset"), entry.key.dataset}
    ]

    def chosen(stored: Sequence[Any]) -> list[Any]:
        return [e for e in stored if layer in (None, e.key.layer) and pooling in (None, e.key.pooling)]

    if sources:
        return [
            found
            for source in sources
            for found in _layers(source, store, entries) or [_find(source, store, entries, chosen, ids.get(source))]
        ]
    entries = chosen(entries)
    names = sorted({f"{entry.key.dataset} ({entry.n} samples)" for entry in entries})
    if len({entry.key.dataset for entry in entries}) > 1:
        raise InputError(f"the store has several data sets: choose with --dataset: {', '.join(names)}")
    if not entries:
        raise InputError(f"{store.root} holds no representations; make some: hyle embed minilm chgnet-0.3.0")
    return [found for entry in entries if (found := store.load(entry.key)) is not None]


def _layers(source: str, store: Store, entries: Sequence[Any]) -> list[Representation]:
    """Return what MODEL@LAYER stands for, all layers in the order of the card for MODEL@all; else nothing."""
    name, at, layer = source.rpartition("@")
    if not at or _is_file(source) or any(entry.key.model == source for entry in entries):
        return []
    stored = [entry for entry in entries if entry.key.model == name]
    kept = [entry for entry in stored if layer in ("all", entry.key.layer)]
    if not kept:
        has = ", ".join(sorted({entry.key.layer for entry in stored})) or "none"
        raise InputError(f"{source}: of {name} the store has these layers: {has}; more: hyle embed {name} --layers all")
    doubles = {entry.key.layer for entry in kept if sum(entry.key.layer == other.key.layer for other in kept) > 1}
    if doubles:
        raise InputError(f"{name}@{min(doubles)} is stored several times: choose with --dataset or --pooling")
    order = next((list(card.layers) for card in list_models() if card.name == name), [])
    kept.sort(key=lambda entry: order.index(entry.key.layer) if entry.key.layer in order else len(order))
    found = [store.load(entry.key) for entry in kept]
    return [replace(one, name=f"{name}@{e.key.layer}") for one, e in zip(found, kept, strict=True) if one is not None]


def _is_file(source: str) -> bool:
    return Path(source).suffix.lower() in READERS or Path(source).exists()


def _find(
    source: str,
    store: Store,
    entries: Sequence[Any],
    chosen: Callable[[Sequence[Any]], list[Any]],
    ids_path: Path | None,
) -> Representation:
    if _is_file(source):
        return read_embeddings(source, ids_path=ids_path)
    stored = [entry for entry in entries if entry.key.model == source]
    if len(stored) > 1:  # what is stored once is meant, whatever was said to tell others apart
        stored = chosen(stored) or stored
    if len(stored) > 1:
        kept = [f"{e.key.dataset} {e.key.layer} {e.key.pooling} ({e.n} samples)" for e in stored]
        raise InputError(
            f"{source} is stored {len(stored)} times; choose with --dataset, --layer or --pooling: {'; '.join(kept)}"
        )
    found = store.load(stored[0].key) if stored else None
    if found is None:
        known = [card.name for card in list_models()]
        if source in known:
            raise InputError(f"{source} is not in the store {store.root} yet; embed it first: hyle embed {source}")
        raise InputError(f"{source!r} is neither a file nor a model{did_you_mean(source, known)}")
    return found
