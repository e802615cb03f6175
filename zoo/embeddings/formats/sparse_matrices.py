"""Sparse matrices in .npz files of SciPy."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from ...base import InputError
from ..content import Content, Selection
from ..named_arrays import Array, choose_arrays

FORMATS = ("csr", "csc", "coo", "bsr", "dia")
# What scipy.sparse.save_npz writes, each format a part of it.
PARTS = {"format", "shape", "data", "indices", "indptr", "offsets", "row", "col", "coords", "_is_array"}
NAME = "the sparse matrix"


def is_sparse(arrays: Mapping[str, Array]) -> bool:
    """Return whether arrays are the parts of a sparse matrix.

    Raises:
        ValueError: they are, but do not say of which format.
    """
    if arrays.keys() >= {"data", "shape", "indices", "indptr"} and "format" not in arrays:
        raise InputError("is a sparse matrix without its format: save it with scipy.sparse.save_npz")
    if not arrays.keys() >= {"data", "shape", "format"} or arrays["format"].shape or not arrays["format"].is_text:
        return False
    name = np.asarray(arrays["format"].read()).item()
    return (name.decode("ascii", "replace") if isinstance(name, bytes) else name) in FORMATS


def read_sparse(path: Path, arrays: Mapping[str, Array], selection: Selection) -> Content:
    """Read a sparse matrix as a dense one, with the ids among the arrays that are no parts of it."""
    others = {name: array for name, array in arrays.items() if name not in PARTS}
    if not others:
        selection.only()
        return Content(_dense(path), features_from="a sparse matrix", missing_ids="is a sparse matrix without ids")
    selection.only("key", "id_column")
    shape = tuple(int(n) for n in np.asarray(arrays["shape"].read()).reshape(-1))
    matrix = Array(shape, arrays["data"].dtype, partial(_dense, path))
    return choose_arrays({NAME: matrix, **others}, selection)


def _dense(path: Path) -> np.ndarray:
    import scipy.sparse

    sparse = scipy.sparse.load_npz(path)
    try:
        return sparse.toarray()
    except MemoryError as error:
        raise InputError(f"the sparse matrix {list(sparse.shape)} does not fit into memory as a dense one") from error
