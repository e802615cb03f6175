"""Embeddings in .npz and .npy files; pickles are never loaded."""

from __future__ import annotations

import json
import math
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import numpy as np

from ...base import InputError, shorten
from ..content import Content, Selection
from ..named_arrays import Array, choose_arrays
from .sparse_matrices import is_sparse, read_sparse
from .text_streams import encoding_error, open_text

MAGIC = b"\x93NUMPY"
# Dtypes of other libraries by their size; NumPy writes them as bytes without a name.
NARROW = {1: "8-bit floats", 2: "bfloat16 numbers"}


def read_npz(path: Path, selection: Selection) -> Content:
    """Read named arrays, or a sparse matrix of SciPy, also with other arrays.

    Raises:
        ValueError: not an .npz file, damaged, or pickled data.
    """
    if not zipfile.is_zipfile(path):
        raise InputError("is not an .npz file, or is truncated")
    arrays: dict[str, Array] = {}
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.is_dir() or info.filename.startswith("__MACOSX/"):
                continue
            name = info.filename.removesuffix(".npy")
            if name in arrays:
                raise InputError(f"contains several arrays called {shorten(name)!r}")
            with _damaged(name), archive.open(info) as stream:
                shape, dtype = _header(stream, info.file_size, name)
            arrays[name] = Array(shape, dtype, partial(_member, path, info))
    if is_sparse(arrays):
        return read_sparse(path, arrays, selection)
    selection.only("key", "id_column")
    narrow = [name for name, array in arrays.items() if _is_narrow(array.dtype) and array.shape]
    if narrow and not any(array.is_numeric and len(array.shape) == 2 for array in arrays.values()):
        raise _narrow_error(narrow[0], arrays[narrow[0]].dtype)
    return choose_arrays(arrays, selection)


def _member(path: Path, info: zipfile.ZipInfo) -> np.ndarray:
    name = info.filename.removesuffix(".npy")
    with zipfile.ZipFile(path) as archive, _damaged(name), archive.open(info) as stream:
        array = np.lib.format.read_array(stream, allow_pickle=False)
    if _is_narrow(array.dtype):
        raise _narrow_error(name, array.dtype)
    return array


@contextmanager
def _damaged(name: str) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise InputError(f"is damaged: {shorten(name)}: {shorten(error, 120)}") from error


def _is_narrow(dtype: np.dtype) -> bool:
    return dtype.kind == "V" and dtype.names is None and dtype.subdtype is None and dtype.itemsize in NARROW


def _narrow_error(name: str, dtype: np.dtype) -> InputError:
    return InputError(
        f"{shorten(name)} has the dtype {dtype.str}: NumPy writes {NARROW[dtype.itemsize]} in this way and cannot read "
        "them back; save them as float32, or as .safetensors"
    )


def _header(stream: IO[bytes], size: int, name: str) -> tuple[tuple[int, ...], np.dtype]:
    """Return the shape and dtype of an array, and check that the file has as many bytes as they need."""
    if stream.read(6) != MAGIC:
        raise InputError(f"{shorten(name)} is not an array of NumPy")
    version = tuple(stream.read(2))
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    try:
        shape, _, dtype = read(stream)
    except ValueError as error:
        raise InputError(f"is damaged: {shorten(name)}: {shorten(error, 120)}") from error
    if dtype.hasobject:
        return shape, dtype
    needed, left = math.prod(shape) * dtype.itemsize, size - stream.tell()
    if any(length < 0 for length in shape) or needed > left:
        raise InputError(f"is damaged: {shorten(name)} should have {needed} bytes, and the file has only {left}")
    return shape, dtype


def read_npy(path: Path, selection: Selection) -> Content:
    """Map a matrix into memory; the ids are next to it in ``NAME.ids.txt`` (one per line) or ``NAME.ids.npy``."""
    selection.only()
    candidates = [path.with_suffix(".ids.txt"), path.with_suffix(".ids.npy")]
    ids = next((p for p in candidates if p.is_file() or p.is_symlink()), None)
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
    if _is_narrow(dtype):
        raise _narrow_error("the array", dtype)
    # An empty file cannot be mapped.
    mapped = not dtype.hasobject and 0 not in shape
    return np.load(path, allow_pickle=False, mmap_mode="r" if mapped else None)


def read_ids(path: Path) -> Any:
    """Read ids from ``.npy``, or from text with one id per line."""
    if path.is_symlink() and not path.exists():
        raise InputError(f"{path.name} is a broken link")
    if path.suffix == ".npy":
        return load_npy(path)
    with open_text(path) as stream:
        try:
            text = stream.read().decode()
        except UnicodeDecodeError as error:
            raise encoding_error(path.name) from error
    # Not splitlines, which also splits at characters that an id may contain.
    lines = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")
    return lines if text.strip() else []


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
