"""Embeddings in .h5ad files of AnnData: ``X``, ``layers`` and ``obsm``; the ids are the names of the observations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..._errors import InputError, MissingPackageError
from ..content import Content, Selection, pick


def read_h5ad(path: Path, selection: Selection) -> Content:
    """Read one matrix and the names of the observations.

    Raises:
        ImportError: anndata is not installed.
        ValueError: several matrices, none of which is selected.
    """
    import h5py

    try:
        from anndata.io import read_elem
    except ImportError as error:
        raise MissingPackageError(f"{path}: reading .h5ad needs anndata: pip install 'hyle[files]'") from error
    selection.only("key", "id_column")
    with h5py.File(path) as file:
        keys = ["X"] if "X" in file else []
        keys += [f"{group}/{name}" for group in ("obsm", "layers") for name in file.get(group, ())]
        if selection.key:
            # AnnData users know `X_pca` rather than its path in the file.
            short = [key for key in keys if key.rpartition("/")[2] == selection.key]
            key = short[0] if len(short) == 1 else pick(selection.key, keys, "--key", "matrix")
        elif len(keys) == 1:
            key = keys[0]
        else:
            raise InputError(f"contains several matrices: choose one with --key: {', '.join(keys) or 'none'}")
        table = read_elem(file["obs"])
        ids_from = "the names of the observations"
        ids = [str(name) for name in table.index]
        if selection.id_column:
            ids_from = pick(selection.id_column, list(map(str, table.columns)), "--id-column", "column of obs")
            ids = [str(value) for value in table[ids_from]]
        return Content(_dense(read_elem(file[key])), ids, features_from=key, ids_from=ids_from)


def _dense(matrix: Any) -> np.ndarray:
    if hasattr(matrix, "toarray"):
        return matrix.toarray()
    return np.asarray(matrix)
