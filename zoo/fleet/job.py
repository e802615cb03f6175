"""What a worker has to know about an extraction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._errors import InputError
from ..cards import ModelCard
from ..models import model_recipe
from ..store import Extraction, Key, Store


@dataclass(frozen=True)
class Job:
    """The extraction of one representation.

    Args:
        model: name of the model.
        device: name of a torch device.
        layer: None for the first of the card.
        pooling: None for that of the card.
        per: ``atom``, ``residue`` or ``token`` for rows of these; None for rows of samples.
        batch_size: None for that of the card.
        store: path or address of the store.
        key: key of the representation.
        recipe: provenance that is stored with it.
        ids: all ids of the data set, in order.
        groups: groups of the samples; see `hyle.zoo.Dataset.groups`.
    """

    model: str
    device: str
    layer: str | None
    pooling: str | None
    per: str | None
    batch_size: int | None
    store: str
    key: Key
    recipe: Mapping[str, Any]
    ids: Sequence[str]
    groups: Mapping[str, Mapping[str, str]]

    def extraction(self) -> Extraction:
        """Open the extraction beside those who opened it before."""
        return Store(self.store).extraction(self.key, self.ids, self.recipe, self.groups, shared=True)

    def check(self, card: ModelCard, host: str) -> None:
        """Check that a model is the same on the host of a worker.

        Raises:
            InputError: weights, versions of packages or something else differ; names the first difference.
        """
        for name, value in model_recipe(card, layer=self.layer, pooling=self.pooling, per=self.per).items():
            wanted = self.recipe.get(name)
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
