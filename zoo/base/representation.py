"""A matrix of embeddings with the ids of its rows and its recipe (provenance)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .errors import InputError
from .samples import ROW_NUMBERS

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Representation:
    """The embeddings of n samples by one model.

    Args:
        name: name of the model or file that the embeddings come from.
        embedding: [n, d], a torch tensor straight from a model or a NumPy array from a file.
        ids: n sample ids; rows are matched by id, never by position.
        recipe: provenance: model, weights hash, data set hash, layer, pooling, dtype, versions.
        energies: [n] in eV where the model predicts them, else None.
        dropped: id -> reason, for the samples that the model could not embed.
        groups: kind -> label of each of the n samples, where the samples are known; see `hyle.zoo.group_samples`.
    """

    name: str
    embedding: Any
    ids: Sequence[str]
    recipe: Mapping[str, Any] = field(default_factory=dict)
    energies: np.ndarray | None = None
    dropped: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def may_count_from_1(self) -> bool:
        """Whether hyle may have numbered the samples from 1, as it did before recipes named the origin of the ids."""
        return (
            "sha256" in str(self.recipe.get("dataset_source", ""))
            and "ids" not in self.recipe
            and all(i.rsplit(":", 1)[-1].isdecimal() and not i.startswith("0") for i in self.ids)
        )

    @property
    def row_numbers(self) -> bool:
        """Whether the ids are row numbers that hyle made, from 0."""
        return ROW_NUMBERS in str(self.recipe.get("ids", ""))

    def __post_init__(self) -> None:
        if self.embedding.ndim != 2:
            raise InputError(f"{self.name}: an embedding must be [n, d]; got shape {tuple(self.embedding.shape)}")
        if len(self.ids) != len(self.embedding):
            raise InputError(f"{self.name}: {len(self.ids)} ids for {len(self.embedding)} rows")
        if len(set(self.ids)) != len(self.ids):
            duplicate = next(i for i in self.ids if list(self.ids).count(i) > 1)
            raise InputError(f"{self.name}: the id {duplicate!r} is duplicated")
        for kind, labels in self.groups.items():
            if len(labels) != len(self.ids):
                raise InputError(f"{self.name}: {len(labels)} groups by {kind} for {len(self.ids)} rows")
