"""Checks of what is to be stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from .._errors import InputError
from ..embeddings import is_float, to_numpy


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
