"""What a stored representation is kept under, and where."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .._errors import InputError


@dataclass(frozen=True)
class Key:
    """What a representation is kept under.

    Args:
        model: name of the model.
        weights: hash of its weights.
        dataset: name and version of the data set, such as ``qm9-c3d9ba233270a1d8``.
        layer: the layer that was taken.
        pooling: how nodes became one vector.
    """

    model: str
    weights: str
    dataset: str
    layer: str
    pooling: str

    @classmethod
    def of(cls, recipe: Mapping[str, Any]) -> Key:
        """Return the key of a recipe.

        Args:
            recipe: with ``model``, ``weights``, ``dataset``, ``dataset_version``, ``layer`` and ``pooling``.

        Raises:
            ValueError: it lacks one of them; names it.
        """
        wanted = ("model", "weights", "dataset", "dataset_version", "layer", "pooling")
        missing = [name for name in wanted if name not in recipe]
        if missing:
            raise InputError(f"the recipe lacks {', '.join(missing)}: it cannot be stored")
        model, weights, dataset, version, layer, pooling = (str(recipe[name]) for name in wanted)
        return cls(model, weights, f"{dataset}-{version}", layer, pooling)

    @property
    def folder(self) -> Path:
        """``model/weights/dataset/layer-pooling``, each a legal file name and no two keys the same."""
        pooling = _segment(self.pooling).replace("-", "%2D")
        return Path(*map(_segment, (self.model, self.weights, self.dataset)), f"{_segment(self.layer)}-{pooling}")

    def __str__(self) -> str:
        return f"{self.model} on {self.dataset} (layer {self.layer}, pooling {self.pooling})"


def _segment(text: str) -> str:
    if not text:
        raise InputError("no part of a key may be empty")
    name = quote(text, safe="()+=,@ ")
    name = name.replace(".", "%2E") if name.startswith(".") else name
    if len(name) > 100:
        name = f"{name[:80]}~{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    return name


@dataclass(frozen=True)
class Entry:
    """One stored representation, without its matrix.

    Args:
        key: what it is kept under.
        recipe: how it came about.
        n: rows.
        d: columns.
        dtype: of the matrix.
        energies: whether energies are kept beside it.
        dropped: how many samples the model could not take.
        path: its folder; ``zarr.open(path / "arrays" / "embedding")`` opens the matrix.
    """

    key: Key
    recipe: Mapping[str, Any]
    n: int
    d: int
    dtype: str
    energies: bool
    dropped: int
    path: Path
