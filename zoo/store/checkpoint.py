"""A folder of arrays and metadata, renamed into place once it is complete; Orbax, zarr and xarray can read it too."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..base import InputError
from ..embeddings import read_array
from .signed import signed, unsigned

COMMITTED = "commit_success.txt"
UNFINISHED = ".orbax-checkpoint-tmp"  # in the names of what earlier releases left unfinished
ABOUT = "about/about.json"
CHUNK_BYTES = 2**24


def write_folder(
    path: Path,
    arrays: Mapping[str, np.ndarray],
    about: Mapping[str, Any],
    *,
    attributes: Mapping[str, Any] | None = None,
    step: Callable[[], None] = lambda: None,
) -> None:
    """Write ``arrays/NAME`` as Zarr v3, chunk by chunk and without a copy, and ``about/about.json``.

    The metadata include the SHA-256 of every array and of themselves. A marker is written last; the caller then
    renames the folder. No lock of the file system is used.

    Args:
        path: the folder, under a name that no other process uses; must not exist yet.
        arrays: name -> contiguous floating array [n] or [n, d] of any precision; the dtype is kept.
        about: metadata; must be JSON serialisable.
        attributes: of the Zarr group.
        step: called after every chunk.
    """
    path.mkdir(parents=True)
    (path / "about").mkdir()
    hashes = array_hashes(arrays, step)
    for name, array in arrays.items():
        _write_array(path / "arrays" / name, array, step)
    for name, text in group_files(list(arrays), attributes).items():
        (path / name).write_text(text, "utf-8")
    (path / ABOUT).write_text(signed({**about, "sha256": hashes}), "utf-8")
    (path / COMMITTED).write_text("complete", "utf-8")


def array_hashes(arrays: Mapping[str, np.ndarray], step: Callable[[], None] = lambda: None) -> dict[str, str]:
    """Return the SHA-256 of the rows of each array."""
    return {name: _sha256(array, step) for name, array in arrays.items()}


def group_files(names: Sequence[str], attributes: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the files, name -> text, that make a Zarr group of some arrays, which Orbax can read; none without."""
    if not names:
        return {}
    group = {"zarr_format": 3, "node_type": "group", "attributes": attributes or {}}
    return {"arrays/zarr.json": json.dumps(group), "arrays/_METADATA": json.dumps(_orbax_metadata(names))}


def chunk_rows(array: np.ndarray) -> int:
    """Return the number of rows in a chunk."""
    return max(1, min(len(array), CHUNK_BYTES // array[:1].nbytes))


def array_metadata(shape: Sequence[int], dtype: str, rows: int) -> dict[str, Any]:
    """Return the metadata of a Zarr v3 array whose chunks have some number of rows."""
    codecs = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "zstd", "configuration": {"level": 3}}]
    return {
        "shape": list(shape),
        "data_type": dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [rows, *shape[1:]]}},
        "dimension_names": ["sample", "feature"][: len(shape)],
        "codecs": codecs,
    }


def _write_array(path: Path, array: np.ndarray, step: Callable[[], None]) -> None:
    import tensorstore as ts

    rows = chunk_rows(array)
    spec = {
        "driver": "zarr3",
        "kvstore": {"driver": "file", "path": f"{path.absolute()}/"},
        "metadata": array_metadata(array.shape, array.dtype.name, rows),
        "store_data_equal_to_fill_value": True,
    }
    # TensorStore locks each file that it writes, which fails on file systems without locks.
    context = ts.Context({"file_io_locking": {"mode": "none"}})
    store = ts.open(spec, create=True, context=context).result()
    for first in range(0, len(array), rows):
        end = min(first + rows, len(array))
        store[first:end].write(array[first:end]).result()
        step()


def _orbax_metadata(names: Sequence[str]) -> dict[str, Any]:
    value = {"value_type": "np.ndarray", "skip_deserialize": False}
    tree = {
        str((name,)): {"key_metadata": [{"key": name, "key_type": 2}], "value_metadata": value}  # a key of a dict
        for name in names
    }
    return {"tree_metadata": tree, "use_ocdbt": False, "use_zarr3": True, "store_array_data_equal_to_fill_value": True}


def unique_name(name: str) -> str:
    """Return ``name`` with an end that no other process on any host uses."""
    return f"{name}-{os.getpid()}-{os.urandom(8).hex()}"


def move(source: Path, target: Path) -> bool:
    """Rename a folder; return False, and rename nothing, if there is a folder with content at ``target``."""
    try:
        source.rename(target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    return True


def remove(path: Path) -> None:
    """Remove a file or folder, at one moment for all readers; do nothing if it is gone already."""
    removed = path.with_name(unique_name(".removed"))
    try:
        path.rename(removed)
    except FileNotFoundError:
        return
    if removed.is_dir():
        shutil.rmtree(removed, ignore_errors=True)
    else:
        removed.unlink()


def is_whole(path: Path) -> bool:
    """Return whether a folder is complete and under its own name."""
    return (path / COMMITTED).is_file() and not path.name.startswith(".") and UNFINISHED not in path.name


def read_about(path: Path) -> dict[str, Any]:
    """Read the metadata of a committed folder.

    Raises:
        ValueError: they are damaged. Folders of earlier releases have no hash of the metadata.
        OSError: they are missing.
    """
    about, hashed = unsigned((path / ABOUT).read_text("utf-8"))
    if about is None or "sha256" not in about:
        raise InputError(f"the metadata of {path} are damaged")
    if hashed is False:
        raise InputError(f"the metadata of {path} have changed since they were written")
    return about


def read_arrays(path: Path, about: Mapping[str, Any], rows: slice | None = None) -> dict[str, np.ndarray]:
    """Read the arrays of a committed folder. Needs TensorStore only.

    Args:
        path: the folder.
        about: its metadata.
        rows: which rows to read; these are not compared with the hash, which is that of all rows.

    Raises:
        ValueError: an array cannot be read, or its hash differs from the stored one.
    """
    if rows is not None:
        return {name: _read_rows(path / "arrays" / name, rows) for name in about["sha256"]}
    arrays = {name: read_array(path / "arrays" / name) for name in about["sha256"]}
    for name, array in arrays.items():
        if _sha256(array) != about["sha256"][name]:
            raise InputError(f"{path / 'arrays' / name} has changed since it was written")
    return arrays


def _read_rows(path: Path, rows: slice) -> np.ndarray:
    import tensorstore as ts

    kvstore = {"driver": "file", "path": f"{path.absolute()}/"}
    spec = {"driver": "zarr3", "kvstore": kvstore, "fill_missing_data_reads": False}
    return ts.open(spec, open=True, read=True).result()[rows.start : rows.stop].read().result()


def _sha256(array: np.ndarray, step: Callable[[], None] = lambda: None) -> str:
    data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    digest = hashlib.sha256()
    for first in range(0, len(data), CHUNK_BYTES):
        digest.update(data[first : first + CHUNK_BYTES].data)
        step()
    return digest.hexdigest()
