"""What a worker has to know about an extraction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base import InputError
from ..cards import ModelCard
from ..models import model_recipe
from ..store import Extraction, Key, Store


@dataclass(frozen=True)
class Part:
    """One of the representations of a job.

    Args:
        layer: None for the first of the card.
        pooling: None for that of the card.
        key: key of the representation.
        recipe: provenance that is stored with it.
    """

    layer: str | None
    pooling: str | None
    key: Key
    recipe: Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """The extraction of one or several representations of a data set by one model.

    Args:
        model: name of the model.
        device: name of a torch device.
        per: ``atom``, ``residue`` or ``token`` for rows of these; None for rows of samples.
        batch_size: None for that of the card.
        store: path or address of the store.
        parts: the representations, with different keys.
        ids: all ids of the data set, in order.
        groups: groups of the samples; see `hyle.zoo.Dataset.groups`.
    """

    model: str
    device: str
    per: str | None
    batch_size: int | None
    store: str
    parts: Sequence[Part]
    ids: Sequence[str]
    groups: Mapping[str, Mapping[str, str]]

    def extractions(self) -> list[Extraction]:
        """Open the extraction of each part beside those who opened it before."""
        store = Store(self.store)
        return [store.extraction(part.key, self.ids, part.recipe, self.groups, shared=True) for part in self.parts]

    def check(self, card: ModelCard, host: str) -> None:
        """Check that a model is the same on the host of a worker.

        Raises:
            InputError: weights, versions of packages or something else differ; names the first difference.
        """
        for part in self.parts:
            for name, value in model_recipe(card, layer=part.layer, pooling=part.pooling, per=self.per).items():
                wanted = part.recipe.get(name)
                if value != wanted:
                    raise InputError(
                        f"{self.model} is not the same on {host}: {_difference(name, value, wanted)}; "
                        "install the same packages and weights there"
                    )


def address_of(store: Store) -> str:
    """Return the path or address of a store, for a process whose current folder may be another."""
    return str(store.root.absolute()) if isinstance(store.root, Path) else store.root


def _difference(name: str, there: Any, here: Any) -> str:
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        part = next(key for key in {**here, **there} if here.get(key) != there.get(key))
        return f"{part} is {there.get(part, 'absent')} there and {here.get(part, 'absent')} here"
    return f"{name} is {there} there and {here} here"
