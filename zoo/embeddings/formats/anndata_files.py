"""Embeddings in .h5ad files of AnnData: ``X``, ``layers`` and ``obsm``; the ids are the names of the observations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...base import InputError, shorten, shorten_names
from ..content import Content, Selection, pick
from .hdf5 import check_whole


def read_h5ad(path: Path, selection: Selection) -> Content:
    """Read one matrix, dense or sparse, and the names of the observations.

    The layout is that of the format's specification since AnnData 0.7 (on-disk format, anndata.readthedocs.io).

    Raises:
        ValueError: several matrices, none of which is selected; data that were never written; an older layout.
    """
    import h5py

    selection.only("key", "id_column")
    with h5py.File(path) as file:
        obs = file.get("obs")
        if not isinstance(obs, h5py.Group) or "_index" not in obs.attrs:
            raise InputError("has no table of observations (obs), as files of AnnData since version 0.7 have")
        key = _matrix(file, selection)
        ids_from, name = "the names of the observations", str(obs.attrs["_index"])
        if selection.id_column:
            columns = [column for column in obs if column != name and not column.startswith("__")]
            ids_from = name = pick(selection.id_column, columns, "--id-column", "column of obs")
        ids = _texts(obs[name], name)
        return Content(_dense(key, file[key]), ids, features_from=key, ids_from=ids_from)


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


def _read(name: str, item: Any) -> Any:
    import h5py

    if not isinstance(item, h5py.Dataset):
        raise InputError(f"{shorten(name)} is stored in a way that is not supported: save it anew with AnnData")
    check_whole(name, item)
    return item[()]


def _texts(item: Any, name: str) -> list[Any]:
    """Return a column of text or integers, plain, categorical or nullable, as text; None where it is missing."""
    import h5py

    if isinstance(item, h5py.Group) and "categories" in item:
        values, codes = _texts(item["categories"], name), _read(name, item["codes"])
        return [None if code < 0 else values[code] for code in codes]
    if isinstance(item, h5py.Group) and "mask" in item:
        values, mask = _texts(item["values"], name), _read(name, item["mask"])
        return [None if missing else value for value, missing in zip(values, mask, strict=True)]
    array = np.asarray(_read(name, item))
    if array.dtype.kind not in "OSUiu":
        raise InputError(f"the ids in {shorten(name)} are of type {array.dtype}: save them as text or as integers")
    return [value.decode() if isinstance(value, bytes) else str(value) for value in array.tolist()]


def _dense(name: str, item: Any) -> np.ndarray:
    import h5py
    import scipy.sparse

    if isinstance(item, h5py.Dataset):
        return _read(name, item)
    kind = str(item.attrs.get("encoding-type", ""))
    if kind not in ("csr_matrix", "csc_matrix"):
        raise InputError(f"{shorten(name)} is no matrix: choose another with --key")
    parts = tuple(_read(f"{name}/{part}", item[part]) for part in ("data", "indices", "indptr"))
    make = scipy.sparse.csr_matrix if kind == "csr_matrix" else scipy.sparse.csc_matrix
    return make(parts, shape=tuple(item.attrs["shape"])).toarray()
