"""Keys and folders of stored representations."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..base import InputError
from .address import Folder


@dataclass(frozen=True)
class Key:
    """The key of a stored representation.

    Args:
        model: name of the model.
        weights: hash of the weights of the model.
        dataset: name and version of the data set, such as ``qm9-c3d9ba233270a1d8``.
        layer: layer of the model.
        pooling: how node vectors are pooled into one vector per sample; ``per atom`` and so on for rows of nodes.
        libraries: the packages whose version changes the rows, with their versions, such as ``rdkit 2026.9.1``; empty
            if there are none, and in what was stored before they were recorded.
    """

    model: str
    weights: str
    dataset: str
    layer: str
    pooling: str
    libraries: str = ""

    @classmethod
    def of(cls, recipe: Mapping[str, Any]) -> Key:
        """Build the key of a recipe.

        Args:
            recipe: with ``model``, ``weights``, ``dataset``, ``dataset_version``, ``layer`` and ``pooling``, and with
                ``libraries``, package -> version, if the versions of some packages change the rows.

        Raises:
            ValueError: one of these entries is missing; the message names it.
        """
        names = ("model", "weights", "dataset", "dataset_version", "layer", "pooling")
        missing = [name for name in names if name not in recipe]
        if missing:
            raise InputError(f"the recipe has no {', '.join(missing)}, so the representation cannot be stored")
        model, weights, dataset, version, layer, pooling = (str(recipe[name]) for name in names)
        pooling = f"per {recipe['per']}" if "per" in recipe else pooling
        pooling = f"{pooling}, {recipe['dtype']}" if "dtype" in recipe else pooling
        libraries = ", ".join(f"{name} {number}" for name, number in sorted(recipe.get("libraries", {}).items()))
        return cls(model, weights, f"{dataset}-{version}", layer, pooling, libraries)

    @property
    def folder(self) -> Path:
        """``model/weights/dataset/layer-pooling``: each part a valid file name, and a different folder for each key.

        Versions of libraries follow the weights after a plus sign.
        """
        pooling = _segment(self.pooling).replace("-", "%2D")
        weights = _segment(self.weights).replace("+", "%2B")
        if self.libraries:
            weights = f"{weights}+{_segment(self.libraries)}"
        return Path(_segment(self.model), weights, _segment(self.dataset), f"{_segment(self.layer)}-{pooling}")

    def __str__(self) -> str:
        libraries = f", {self.libraries}" if self.libraries else ""
        return f"{self.model} on {self.dataset} (layer {self.layer}, pooling {self.pooling}{libraries})"


def _segment(text: str) -> str:
    if not text:
        raise InputError("no field of a key may be empty")
    name = quote(text, safe="()+=,@ ")
    name = name.replace(".", "%2E") if name.startswith(".") else name
    if len(name) > 100:
        name = f"{name[:80]}~{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    return name


@dataclass(frozen=True)
class Entry:
    """One stored representation, without its matrix.

    Args:
        key: key of the representation.
        recipe: provenance: how the representation was computed.
        n: number of rows.
        d: number of columns.
        dtype: dtype of the matrix.
        energies: whether energies are stored with it.
        dropped: number of samples that the model does not support.
        path: folder of the representation; ``zarr.open(path / "arrays" / "embedding")`` opens the matrix. In an object
            store, the address of its data.
        written: when it was stored, in seconds since 1970.
    """

    key: Key
    recipe: Mapping[str, Any]
    n: int
    d: int
    dtype: str
    energies: bool
    dropped: int
    path: Folder
    written: float = 0.0
