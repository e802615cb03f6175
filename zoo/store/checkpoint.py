"""A folder of arrays and metadata, renamed into place once it is complete; Orbax, zarr and xarray can read it too."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .._errors import InputError
from ..embeddings import read_array

COMMITTED = "commit_success.txt"
UNFINISHED = ".orbax-checkpoint-tmp"  # in the names of what earlier releases left unfinished
ABOUT_SHA256 = "about_sha256"  # of the other metadata
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
    hashes = {name: _sha256(array, step) for name, array in arrays.items()}
    # As it will be read: JSON has neither tuples nor keys that are numbers.
    whole = json.loads(json.dumps({**about, "sha256": hashes}))
    for name, array in arrays.items():
        _write_array(path / "arrays" / name, array, step)
    if arrays:
        group = {"zarr_format": 3, "node_type": "group", "attributes": attributes or {}}
        (path / "arrays" / "zarr.json").write_text(json.dumps(group), "utf-8")
        (path / "arrays" / "_METADATA").write_text(json.dumps(_orbax_metadata(list(arrays))), "utf-8")
    text = json.dumps({**whole, ABOUT_SHA256: text_sha256(whole)})
    (path / "about" / "about.json").write_text(text, "utf-8")
    (path / COMMITTED).write_text("complete", "utf-8")


def _write_array(path: Path, array: np.ndarray, step: Callable[[], None]) -> None:
    import tensorstore as ts

    rows = max(1, min(len(array), CHUNK_BYTES // array[:1].nbytes))
    codecs = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "zstd", "configuration": {"level": 3}}]
    metadata = {
        "shape": array.shape,
        "data_type": array.dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [rows, *array.shape[1:]]}},
        "dimension_names": ["sample", "feature"][: array.ndim],
        "codecs": codecs,
    }
    spec = {
        "driver": "zarr3",
        "kvstore": {"driver": "file", "path": f"{path.absolute()}/"},
        "metadata": metadata,
        "store_data_equal_to_fill_value": True,
    }
    # TensorStore locks each file that it writes, which fails on file systems without locks.
    context = ts.Context({"file_io_locking": {"mode": "none"}})
    store = ts.open(spec, create=True, context=context).result()
    for first in range(0, len(array), rows):
        end = min(first + rows, len(array))
        store[first:end].write(array[first:end]).result()
        step()


def _orbax_metadata(names: list[str]) -> dict[str, Any]:
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
    about = json.loads((path / "about" / "about.json").read_text("utf-8"))
    if not isinstance(about, dict) or "sha256" not in about:
        raise InputError(f"the metadata of {path} are damaged")
    sha256 = about.pop(ABOUT_SHA256, None)
    if sha256 not in (None, text_sha256(about)):
        raise InputError(f"the metadata of {path} have changed since they were written")
    return about


def read_arrays(path: Path, about: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Read the arrays of a committed folder. Needs TensorStore only.

    Raises:
        ValueError: an array cannot be read, or its hash differs from the stored one.
    """
    arrays = {name: read_array(path / "arrays" / name) for name in about["sha256"]}
    for name, array in arrays.items():
        if _sha256(array) != about["sha256"][name]:
            raise InputError(f"{path / 'arrays' / name} has changed since it was written")
    return arrays


def text_sha256(about: Mapping[str, Any]) -> str:
    """Return the SHA-256 of metadata, in hexadecimal, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def _sha256(array: np.ndarray, step: Callable[[], None] = lambda: None) -> str:
    data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    digest = hashlib.sha256()
    for first in range(0, len(data), CHUNK_BYTES):
        digest.update(data[first : first + CHUNK_BYTES].data)
        step()
    return digest.hexdigest()
