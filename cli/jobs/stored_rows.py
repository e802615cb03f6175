"""What `hyle embed` asks the store for, what it finds there, and the job that embeds the rest."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hyle.zoo import Dataset, Key, ModelCard, Representation, Store, model_recipe, prepare, shorten
from hyle.zoo.fleet import Job, Part, address_of

from ..console import say
from ..interrupts import INTERRUPTS

KEPT = "embeddings so far are stored, and the same command continues"
# In the recipe of stored embeddings that only `hyle benchmark` has asked for.
BENCHMARK = "of_benchmark"


@dataclass(frozen=True)
class Rows:
    """Which rows of a model are stored: see `embed` for the fields."""

    layer: str | None = None
    pooling: str | None = None
    per: str | None = None
    half: bool = False


@dataclass
class Found:
    """What the store has of several layers of a model.

    Args:
        keys: the key of each layer that was asked for; equal for two names of one layer.
        taken: what became of the representations that are stored, by key.
        missing: the rows of each of the others, by key, and a function that makes their recipe.
    """

    keys: list[Key] = field(default_factory=list)
    taken: dict[Key, Any] = field(default_factory=dict)
    missing: dict[Key, tuple[Rows, Callable[[], dict[str, Any]]]] = field(default_factory=dict)

    def job(
        self, name: str, card: ModelCard, dataset: Dataset, store: Store, device: str, batch_size: int | None
    ) -> Job:
        """Return the job that embeds what is missing; builds the environment of the model, which recipes name."""
        prepare(card, notify=say)
        parts = [Part(rows.layer, rows.pooling, key, recipe()) for key, (rows, recipe) in self.missing.items()]
        per = next(rows.per for rows, _ in self.missing.values())
        return Job(name, device, per, batch_size, address_of(store), parts, dataset.ids, dataset.groups)


def find_rows(
    card: ModelCard,
    dataset: Dataset,
    store: Store,
    wanted: Sequence[Rows],
    take: Callable[[Rows, Representation], Any],
    *,
    of_benchmark: bool = False,
    shared: bool = False,
) -> Found:
    """Return what the store has of several layers of a model.

    Args:
        card: the card of the model.
        dataset: the samples.
        store: where the embeddings are stored.
        wanted: the rows of each layer.
        take: called with each representation that is stored, and what was asked for; what it returns is kept.
        of_benchmark: see `embed`.
        shared: whether other processes may write to the store without a lock.
    """
    found = Found()
    for rows in wanted:
        key, recipe, representation = _stored(card, dataset, store, rows, of_benchmark=of_benchmark, shared=shared)
        found.keys.append(key)
        if representation is None:
            found.missing[key] = rows, recipe
        elif key not in found.taken:
            found.taken[key] = take(rows, without_mark(representation))
    return found


def label_of(name: str, *layers: str | None, pooling: str | None = None) -> str:
    """Return a model and the layers that were asked for: as `hyle compare` calls one, and the number of several.

    Args:
        name: of the model.
        layers: None for the first of the card.
        pooling: to tell it from others; None for none.
    """
    if len(layers) > 1:
        return f"{name}, {len(layers)} layers"
    label = name if layers[0] is None else f"{name}@{layers[0]}"
    return label if pooling is None else f"{label}, {pooling}"


def line_of(label: str, representation: Representation, how: str) -> str:
    """Return the line that reports a representation, and how it was made."""
    n, d = representation.embedding.shape
    per = representation.recipe.get("per")
    rows = f"{len(set(representation.groups['sample']))} samples, {n} {per}s" if per else f"{n}"
    skipped = ""
    if dropped := representation.dropped:
        reason, count = Counter(dropped.values()).most_common(1)[0]
        others = "" if count == len(dropped) else f" ({count} of them)"
        skipped = f", {len(dropped)} skipped: {shorten(reason)}{others}"
    return f"  {label:<18} {rows} x {d:<5} {how}{skipped}"


def how_made(start: float, layers: int, poolings: int = 1) -> Iterator[str]:
    """Yield how layers that were embedded together were made: with the first, how long all of them took."""
    several = f"{layers} layers" if poolings == 1 else f"{layers} layers and poolings"
    yield f"{time.monotonic() - start:.1f} s" + (f" for {several}" if layers > 1 else "")
    while True:
        yield "with the first"


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
        representation = without_mark(representation)
        store.save(key, representation, shared=shared)
    INTERRUPTS.kept = KEPT
    return key, recipe, representation


def without_mark(representation: Representation) -> Representation:
    """Return a representation without the mark of `hyle benchmark`."""
    recipe = {name: value for name, value in representation.recipe.items() if name != BENCHMARK}
    return replace(representation, recipe=recipe)


def _completed(representation: Representation, dataset: Dataset) -> Representation:
    """Return a representation of a data set with the origin of its ids and its groups."""
    samples = representation.groups.get("sample", representation.ids)
    groups = {kind: [labels[i] for i in samples] for kind, labels in dataset.groups.items()}
    return replace(representation, recipe={**representation.recipe, "ids": dataset.ids_from}, groups=groups)
