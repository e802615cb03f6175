"""Embeddings in .h5ad files of AnnData: ``X``, ``layers`` and ``obsm``; the ids are the names of the observations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..._errors import InputError, MissingPackageError
from ..._text import shorten, shorten_names
from ..content import Content, Selection, pick
from .hdf5 import check_whole


def read_h5ad(path: Path, selection: Selection) -> Content:
    """Read one matrix and the names of the observations.

    Raises:
        ImportError: anndata is not installed.
        ValueError: several matrices, none of which is selected; data that were never written.
    """
    import h5py

    try:
        from anndata.io import read_elem
    except ImportError as error:
        raise MissingPackageError(f"{path}: reading .h5ad needs anndata: pip install 'hyle[files]'") from error
    selection.only("key", "id_column")
    with h5py.File(path) as file:
        if "obs" not in file:
            raise InputError("has no table of observations (obs): is it a file of AnnData?")
        key = _matrix(file, selection)
        _check_whole("obs", file["obs"])
        table = read_elem(file["obs"])
        ids_from = "the names of the observations"
        ids = [str(name) for name in table.index]
        if selection.id_column:
            ids_from = pick(selection.id_column, list(map(str, table.columns)), "--id-column", "column of obs")
            ids = _texts(table[ids_from], ids_from)
        _check_whole(key, file[key])
        return Content(_dense(read_elem(file[key])), ids, features_from=key, ids_from=ids_from)


def _matrix(file: Any, selection: Selection) -> str:
    keys = ["X"] if "X" in file else []
    keys += [f"{group}/{name}" for group in ("obsm", "layers") for name in file.get(group, ())]
    if selection.key:
        # AnnData users know `X_pca` rather than its path in the file.
        short = [key for key in keys if key.rpartition("/")[2] == selection.key]
        return short[0] if len(short) == 1 else pick(selection.key, keys, "--key", "matrix")
    if len(keys) != 1:
        raise InputError(f"contains several matrices: choose one with --key: {shorten_names(keys) or 'none'}")
    return keys[0]


def _check_whole(name: str, item: Any) -> None:
    """Check the data sets of an element, which is one itself or a group of several."""
    import h5py

    if isinstance(item, h5py.Dataset):
        check_whole(name, item)
        return
    for key in item:
        _check_whole(f"{name}/{key}", item[key])


def _texts(column: Any, name: str) -> list[Any]:
    """Return text and integers as text; None where they are missing."""
    values = list(column)
    missing = column.isna()
    present = [value for value, absent in zip(values, missing, strict=True) if not absent]
    wrong = [v for v in present if not isinstance(v, str | int | np.integer) or isinstance(v, bool | np.bool_)]
    if wrong or not present:
        kind = getattr(column.dtype, "categories", column).dtype
        raise InputError(f"the ids in {shorten(name)} are of type {shorten(kind)}: save them as text or as integers")
    return [None if absent else str(value) for value, absent in zip(values, missing, strict=True)]


def _dense(matrix: Any) -> np.ndarray:
    if hasattr(matrix, "toarray"):
        return matrix.toarray()
    return np.asarray(matrix)
