"""Find the representations that a command line names: files, or models in the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hyle.zoo import (
    InputError,
    Representation,
    Store,
    changed_libraries,
    did_you_mean,
    list_models,
    rules_that_join,
    shorten,
    without_outdated,
)

from ..console import say
from ..options import FileSelection, is_file_source


def find_representations(
    sources: Sequence[str],
    store: Store,
    *,
    dataset: str | None = None,
    layer: str | None = None,
    pooling: str | None = None,
    files: FileSelection | None = None,
) -> list[Representation]:
    """Read files of embeddings, and load stored embeddings of models.

    Args:
        sources: files of embeddings, models with one stored representation, or MODEL@LAYER and MODEL@all; empty for
            everything in the store.
        store: where models are looked up.
        dataset: the name, NAME-VERSION or file of the data set, where several are stored.
        layer: the layer, where several are stored.
        pooling: the pooling, where several are stored.
        files: how files of embeddings are read, and rules for ids, which apply to stored models too.

    Returns:
        The representations in the order of `sources`.

    Raises:
        InputError: a source that is neither a file nor stored, or stored more than once; lists what is stored.
    """
    files = files or FileSelection()
    paths = list(dict.fromkeys(source for source in sources if is_file_source(source)))
    read = dict(zip(paths, files.read(list(map(Path, paths))), strict=True))
    # Files need nothing from the store, and a broken store must not affect them.
    entries = [
        entry
        for entry in ([] if sources and len(paths) == len(set(sources)) else without_outdated(store.list()))
        if dataset is None or {dataset, Path(dataset).name} & {entry.recipe.get("dataset"), entry.key.dataset}
    ]

    def select(stored: Sequence[Any]) -> list[Any]:
        return [e for e in stored if layer in (None, e.key.layer) and pooling in (None, e.key.pooling)]

    if sources:
        found = []
        for source in sources:
            if source in read:
                found.append(read[source])
            else:
                found += _layers(source, store, entries) or [_find(source, store, entries, select, dataset)]
        return files.apply_rules(_current(found))
    entries = select(entries)
    names = sorted({f"{entry.key.dataset} ({entry.n} samples)" for entry in entries})
    if len({entry.key.dataset for entry in entries}) > 1:
        raise InputError(f"the store has several data sets: choose with --dataset: {', '.join(names)}")
    if not entries:
        raise InputError(f"{store.root} has no embeddings; to make some: hyle embed minilm chgnet-0.3.0")
    loaded = [store.load(entry.key) for entry in entries]
    return files.apply_rules(_current([representation for representation in loaded if representation is not None]))


def _current(representations: list[Representation]) -> list[Representation]:
    """Return representations after a check that their ids are not of the old numbering.

    Raises:
        InputError: hyle numbered the samples from 1 when it made one of them.
    """
    for each in representations:
        if each.may_count_from_1:
            dataset = str(each.recipe.get("dataset", "FILE"))
            raise InputError(
                f"{each.name}: an earlier version of hyle embedded {dataset} and may have numbered its samples from 1, "
                "so that rows would be joined to their neighbours; embed it again: hyle embed "
                f"{each.recipe.get('model', 'MODEL')} --dataset {dataset}"
            )
        for library, (then, now) in changed_libraries(each.recipe).items():
            model = each.recipe["model"]
            say(
                f"warning: {each.name} was embedded with {library} {then}, and {now} is installed: rows may differ; "
                f"to embed again: hyle embed {model}"
            )
    return representations


def check_ids(representations: Sequence[Representation]) -> None:
    """Check that representations have ids in common, before anything is computed.

    Raises:
        InputError: they have none; shows how the ids are written and, if there is one, the rule that makes them meet.
    """
    ids = [each.ids for each in representations]
    if len(ids) < 2:
        return
    common = len(set.intersection(*map(set, ids)))
    if 2 * common >= min(map(len, ids)):
        return
    rules = rules_that_join(ids)
    if common:
        if rules:
            say(f"note: with {' '.join(f'--ids {rule}' for rule in rules)} more samples are common to all")
        return
    shown = "; ".join(
        f"{each.name}: {', '.join(repr(shorten(i)) for i in each.ids[:3])}" for each in representations[:4]
    )
    remedy = f"with {' '.join(f'--ids {rule}' for rule in rules)} they meet" if rules else "do the ids match?"
    raise InputError(f"no sample is common to all {len(ids)} representations: {remedy} ({shown})")


def _layers(source: str, store: Store, entries: Sequence[Any]) -> list[Representation]:
    """Return the representations of MODEL@LAYER or MODEL@all, layers in the order of the card; else an empty list."""
    name, at, layer = source.rpartition("@")
    if not at or any(entry.key.model == source for entry in entries):
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


def _find(
    source: str,
    store: Store,
    entries: Sequence[Any],
    select: Callable[[Sequence[Any]], list[Any]],
    dataset: str | None,
) -> Representation:
    stored = [entry for entry in entries if entry.key.model == source]
    # Embeddings of an earlier release are kept beside those that replace them.
    stored = [entry for entry in stored if "ids" in entry.recipe] or stored
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
            raise InputError(_not_stored(source, store, dataset))
        raise InputError(f"{source!r} is neither a file nor a model{did_you_mean(source, models)}")
    return representation


def _not_stored(model: str, store: Store, dataset: str | None) -> str:
    """Say that a model is not stored, or not for this data set, and what embeds it."""
    entries = store.list()
    names = sorted({str(e.recipe.get("dataset", e.key.dataset)) for e in entries if e.key.model == model})
    # `hyle embed` takes the name of a data set, not NAME-VERSION.
    of_version = [str(e.recipe["dataset"]) for e in entries if dataset == e.key.dataset and "dataset" in e.recipe]
    name = of_version[0] if of_version else dataset
    where = f"for {name}" if name and names else "yet"
    others = f" (it is for {', '.join(map(shorten, names[:5]))})" if names else ""
    option = f" --dataset {name}" if name else ""
    return f"{model} is not in the store {store.root} {where}{others}; embed it first: hyle embed {model}{option}"
