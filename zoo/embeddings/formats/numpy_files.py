"""Embeddings in .npz and .npy files; pickles are never loaded."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import numpy as np

from ..._errors import InputError
from ..content import Content, Selection
from ..named_arrays import Array, choose_arrays

SPARSE = {"indices", "indptr", "format", "shape", "data"}
MAGIC = b"\x93NUMPY"


def read_npz(path: Path, selection: Selection) -> Content:
    """Read named arrays, or a sparse matrix of SciPy.

    Raises:
        ValueError: not an .npz file, damaged, or pickled data.
    """
    if not zipfile.is_zipfile(path):
        raise InputError("is not an .npz file, or is truncated")
    with zipfile.ZipFile(path) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        if set(members) == SPARSE:
            selection.only()
            return Content(_dense(path), features_from="a sparse matrix", missing_ids="is a sparse matrix without ids")
        arrays = {}
        for name, info in members.items():
            with archive.open(info) as stream:
                shape, dtype = _header(stream, info.file_size, name)
            arrays[name] = Array(shape, dtype, partial(_member, path, info))
        selection.only("key", "id_column")
        return choose_arrays(arrays, selection)


def _member(path: Path, info: zipfile.ZipInfo) -> np.ndarray:
    with zipfile.ZipFile(path) as archive, archive.open(info) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _dense(path: Path) -> np.ndarray:
    import scipy.sparse

    sparse = scipy.sparse.load_npz(path)
    try:
        return sparse.toarray()
    except MemoryError as error:
        raise InputError(f"the sparse matrix {list(sparse.shape)} does not fit into memory as a dense one") from error


def _header(stream: IO[bytes], size: int, name: str) -> tuple[tuple[int, ...], np.dtype]:
    """Return the shape and dtype of an array, and check that the file has as many bytes as they need."""
    if stream.read(6) != MAGIC:
        raise InputError(f"{name} is not an array of NumPy")
    version = (stream.read(1)[0], stream.read(1)[0])
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    if dtype.hasobject:
        return shape, dtype
    needed = math.prod(shape) * dtype.itemsize
    if any(length < 0 for length in shape) or needed > size:
        raise InputError(f"is damaged: {name} should have {needed} bytes, and the file has only {size}")
    return shape, dtype


def read_npy(path: Path, selection: Selection) -> Content:
    """Map a matrix into memory; the ids are next to it in ``NAME.ids.txt`` (one per line) or ``NAME.ids.npy``."""
    selection.only()
    candidates = [path.with_suffix(".ids.txt"), path.with_suffix(".ids.npy")]
    ids = next((p for p in candidates if p.is_file()), None)
    return Content(
        load_npy(path),
        None if ids is None else read_ids(ids),
        features_from="the array",
        ids_from="" if ids is None else ids.name,
        missing_ids=f"has no ids; {candidates[0].name} next to it, with one per line, would be read",
    )


def load_npy(path: Path) -> np.ndarray:
    """Map one array into memory; pickles are not allowed."""
    with path.open("rb") as stream:
        # NumPy treats any unknown content as a pickle.
        if stream.read(6) != MAGIC:
            raise InputError("is not an .npy file")
        stream.seek(0)
        shape, dtype = _header(stream, path.stat().st_size, "the array")
    # An empty file cannot be mapped.
    mapped = not dtype.hasobject and 0 not in shape
    return np.load(path, allow_pickle=False, mmap_mode="r" if mapped else None)


def read_ids(path: Path) -> Any:
    """Read ids from ``.npy``, or from text with one id per line."""
    if path.suffix == ".npy":
        return load_npy(path)
    # Not splitlines, which also splits at characters that an id may contain.
    lines = path.read_text("utf-8-sig").split("\n")
    return [line.removesuffix("\r") for line in (lines[:-1] if lines[-1] == "" else lines)]


def write_npz(path: Path, content: Content) -> None:
    """Write the arrays that `read_npz` reads."""
    arrays = {
        "embedding": content.embedding,
        "ids": np.array(content.ids),
        "recipe": json.dumps(content.recipe),
    }
    if content.energies is not None:
        arrays["energies"] = content.energies
    with path.open("wb") as stream:
        np.savez(stream, **arrays)


def write_npy(path: Path, content: Content) -> None:
    """Write the matrix only; `write_ids` writes the ids."""
    with path.open("wb") as stream:
        # If NumPy gets the file itself, it writes past Python, and its error on a full disk does not state the reason.
        np.lib.format.write_array(SimpleNamespace(write=stream.write), content.embedding)


def write_ids(path: Path, ids: Sequence[str]) -> None:
    """Write one id per line."""
    path.write_text("".join(f"{i}\n" for i in ids), "utf-8", newline="\n")
