"""What is stored of a representation: its arrays and its metadata, checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from ..base import InputError, Representation
from ..embeddings import is_float, to_numpy
from .key import Key


def matrix_of(embedding: Any) -> np.ndarray:
    """Return an embedding as a floating NumPy matrix [n, d] of the same dtype.

    Raises:
        ValueError: it is none, or it is empty.
    """
    matrix = to_numpy(embedding)
    if matrix.ndim != 2 or 0 in matrix.shape or not is_float(matrix.dtype):
        raise InputError(f"an embedding must be a floating matrix [n, d]; got {matrix.dtype} {matrix.shape}")
    return matrix


def plain(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe as it will be read: JSON has neither tuples nor keys that are numbers.

    Raises:
        ValueError: it is not JSON serialisable.
    """
    try:
        return json.loads(json.dumps(dict(recipe)))
    except TypeError as error:
        raise InputError(f"a recipe must be JSON serialisable: {error}") from error


def content_of(
    representation: Representation, key: Key
) -> tuple[dict[str, np.ndarray], dict[str, Any], dict[str, Any]]:
    """Return the arrays of a representation, its metadata, and the attributes of the Zarr group."""
    arrays = {"embedding": np.ascontiguousarray(matrix_of(representation.embedding))}
    if representation.energies is not None:
        arrays["energies"] = np.asarray(representation.energies, np.float64)
    samples = (
        len(set(representation.groups["sample"])) if "sample" in representation.groups else len(arrays["embedding"])
    )
    about = {
        "name": representation.name,
        "key": asdict(key),
        "shape": arrays["embedding"].shape,
        "dtype": arrays["embedding"].dtype.name,
        "energies": "energies" in arrays,
        "samples": samples + len(representation.dropped),
        "ids": list(representation.ids),
        "recipe": plain(representation.recipe),
        "dropped": dict(representation.dropped),
        "groups": {kind: list(labels) for kind, labels in representation.groups.items()},
    }
    return arrays, about, {name: about[name] for name in ("name", "ids", "recipe")}


def count_rows(about: Mapping[str, Any]) -> int:
    """Return the number of rows of a shard, by its metadata."""
    return sum(about["nodes"]["counts"]) if "nodes" in about else len(about["ids"])


def representation_of(about: Mapping[str, Any], arrays: Mapping[str, np.ndarray], rows: slice) -> Representation:
    """Return a representation from its metadata and from arrays that have only some of its rows."""
    groups = {kind: labels[rows] for kind, labels in about.get("groups", {}).items()}  # earlier releases have none
    facts = (about["name"], arrays["embedding"], about["ids"][rows], about["recipe"], arrays.get("energies"))
    return Representation(*facts, about["dropped"], groups)


def rows_of(rows: slice | None, n: int) -> slice:
    """Return a range of rows as numbers from 0 to n, by default all.

    Raises:
        ValueError: it has a step.
    """
    start, stop, step = (rows or slice(None)).indices(n)
    if step != 1:
        raise InputError(f"rows are read as a slice without a step; got {rows}")
    return slice(start, max(start, stop))
