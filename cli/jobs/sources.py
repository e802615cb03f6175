"""Find the representations that a command line names: files, or models in the store."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from hyle.zoo import (
    Entry,
    InputError,
    Representation,
    Store,
    changed_libraries,
    did_you_mean,
    find_card,
    list_models,
    rules_that_join,
    shorten,
    without_outdated,
)
from hyle.zoo.models import check_per_before_loading
from hyle.zoo.store import find_unfinished

from ..console import say
from ..options import FileSelection, is_file_source
from .store import store_words
from .stored import Choice, choose_draw, choose_jointly


def find_representations(
    sources: Sequence[str],
    store: Store,
    *,
    dataset: str | None = None,
    layer: str | None = None,
    pooling: str | None = None,
    per: str | None = None,
    files: FileSelection | None = None,
    beside: Sequence[Representation] = (),
    command: str = "",
) -> list[Representation]:
    """Read files of embeddings, and load stored embeddings of models.

    Models that are stored for several data sets are looked up together: see `choose_jointly`.

    Args:
        sources: files of embeddings, stored models, and MODEL@LAYER or MODEL@all; empty for the data set of the store
            that most models have.
        store: where models are looked up.
        dataset: the name, NAME-VERSION or file of the data set, where several are stored.
        layer: the layer, where several are stored.
        pooling: the pooling, where several are stored.
        per: ``atom``, ``residue`` or ``token`` for stored rows of these; None for rows of samples.
        files: how files of embeddings are read, and rules for ids, which apply to stored models too.
        beside: other representations, which the sources have to have samples in common with.
        command: the command of the user with its sources, for messages; default that of `hyle compare`.

    Returns:
        The representations in the order of `sources`.

    Raises:
        InputError: a source that is neither a file nor stored, or several stored embeddings that fit equally well;
            lists them.
    """
    files = files or FileSelection()
    paths = list(dict.fromkeys(source for source in sources if is_file_source(source)))
    read = dict(zip(paths, files.read(list(map(Path, paths))), strict=True))
    # Files need nothing from the store, and a broken store must not affect them.
    if sources and len(paths) == len(set(sources)):
        return files.apply_rules(_current([read[source] for source in sources]))
    entries = [
        entry
        for entry in without_outdated(store.list())
        if entry.recipe.get("per") == per
        if dataset is None or {dataset, Path(dataset).name} & {entry.recipe.get("dataset"), entry.key.dataset}
    ]
    entries = _in_full_precision(entries)
    # Embeddings of an earlier release are kept beside those that replace them.
    numbered = {entry.key.model for entry in entries if "ids" in entry.recipe}
    entries = [entry for entry in entries if "ids" in entry.recipe or entry.key.model not in numbered]

    def select(stored: Sequence[Entry]) -> list[Entry]:
        return [e for e in stored if layer in (None, e.key.layer) and pooling in (None, e.key.pooling)]

    if sources:
        choices = {
            source: _layers(source, store, entries) or _stored(source, store, entries, select, dataset, per)
            for source in sources
            if source not in read
        }
        choices = {source: [replace(c, rename=files.rename) for c in each] for source, each in choices.items()}
        known = [*([files.rename(i) for i in each.ids] for each in read.values()), *(each.ids for each in beside)]
        chosen = choose_jointly(choices, known, command=command or shlex.join(["hyle", "compare", *sources]))
        found = [
            each for source in sources for each in ([read[source]] if source in read else _load(chosen[source], source))
        ]
        return files.apply_rules(_current(found))
    if not entries:
        option = f" --per {per}" if per else ""
        rows = f" with rows per {per}" if per else ""
        unfinished = find_unfinished(store.root)
        words = shlex.join(["hyle", "embed", "aimnet2", "nagl-1.0.0", *store_words(store)])
        hint = f"to make some: {words}{option}"
        if unfinished:
            status = shlex.join(["hyle", "store", "status", *store_words(store)])
            models = sorted({each.model for each in unfinished})
            hint = f"{', '.join(models)} {'are' if len(models) > 1 else 'is'} unfinished: see {status}"
        raise InputError(f"{store.root} has no embeddings{rows}; {hint}")
    if not select(entries):
        raise InputError(f"{store.root} has no embeddings of this layer and pooling: see hyle embed --help")
    every = choose_draw([Choice([entry], store) for entry in select(entries)], command=command or "hyle compare")
    repeated = Counter(choice.first.key.model for choice in every)
    found = [
        replace(each, name=f"{each.name}@{choice.first.key.layer}") if repeated[choice.first.key.model] > 1 else each
        for choice in every
        for each in _load(choice)
    ]
    return files.apply_rules(_current(found))


def _in_full_precision(entries: Sequence[Entry]) -> list[Entry]:
    """Return entries without those in half precision that are stored in full precision as well."""

    def what(entry: Entry) -> tuple[str, ...]:
        key = entry.key
        return key.model, key.weights, key.dataset, key.layer, key.pooling.partition(", ")[0], key.libraries

    whole = {what(entry) for entry in entries if "dtype" not in entry.recipe}
    return [entry for entry in entries if "dtype" not in entry.recipe or what(entry) not in whole]


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


def _layers(source: str, store: Store, entries: Sequence[Entry]) -> list[Choice]:
    """Return what MODEL@LAYER or MODEL@all can mean, layers in the order of the card; else an empty list."""
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
    order = next((list(card.layers) for card in list_models() if card.name == name), [])
    selected.sort(key=lambda entry: order.index(entry.key.layer) if entry.key.layer in order else len(order))
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for entry in selected:
        groups.setdefault((entry.key.dataset, entry.key.pooling, entry.key.weights, entry.key.libraries), [])
        groups[entry.key.dataset, entry.key.pooling, entry.key.weights, entry.key.libraries].append(entry)
    return [Choice(group, store) for group in groups.values()]


def _stored(
    source: str,
    store: Store,
    entries: Sequence[Entry],
    select: Callable[[Sequence[Entry]], list[Entry]],
    dataset: str | None,
    per: str | None,
) -> list[Choice]:
    """Return what the name of a model can mean."""
    stored = [entry for entry in entries if entry.key.model == source]
    if len(stored) > 1:  # a model that is stored once needs no selection, even if one was given for the others
        stored = select(stored) or stored
    if not stored:
        models = [card.name for card in list_models()]
        if source in models or any(entry.key.model == source for entry in store.list()):
            raise InputError(_not_stored(source, store, dataset, per))
        raise InputError(f"{source!r} is neither a file nor a model{did_you_mean(source, models)}")
    return [Choice([entry], store) for entry in stored]


def _load(choice: Choice, source: str = "") -> list[Representation]:
    """Load stored embeddings; those of MODEL@LAYER and MODEL@all are named after model and layer."""
    loaded = []
    for entry in choice.entries:
        representation = choice.store.load(entry.key)
        if representation is None:
            raise InputError(f"{entry.key} was removed from the store {choice.store.root} meanwhile: embed it again")
        named = source.rpartition("@")[0] == entry.key.model
        loaded.append(replace(representation, name=f"{entry.key.model}@{entry.key.layer}") if named else representation)
    return loaded


def _not_stored(model: str, store: Store, dataset: str | None, per: str | None) -> str:
    """Say that a model is not stored, or not for this data set, and what embeds it."""
    if per and any(card.name == model for card in list_models()):
        check_per_before_loading(find_card(model), per)
    entries = store.list()
    names = sorted({str(e.recipe.get("dataset", e.key.dataset)) for e in entries if e.key.model == model})
    # `hyle embed` takes the name of a data set, not NAME-VERSION.
    of_version = [str(e.recipe["dataset"]) for e in entries if dataset == e.key.dataset and "dataset" in e.recipe]
    name = of_version[0] if of_version else dataset
    where = f"for {name}" if name and names else "yet"
    others = f" (it is for {', '.join(map(shorten, names[:5]))})" if names else ""
    option = (f" --dataset {name}" if name else "") + (f" --per {per}" if per else "")
    rows = f" with rows per {per or 'sample'}" if per or names else ""
    kinds = sorted({str(e.recipe.get("per", "")) for e in entries if e.key.model == model} - {per or ""})
    other = kinds[-1] if kinds else ""
    instead = f"add --per {other} for its {other}s, or " if other else "omit --per, or " if kinds else ""
    return (
        f"{model} is not in the store {store.root}{rows} {where}{others}; {instead}embed it first: "
        f"hyle embed {model}{option}"
    )
