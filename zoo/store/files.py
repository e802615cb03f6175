"""Embeddings in files that people bring, and writing them for others."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .._errors import InputError, MissingFileError
from .._representation import Representation
from .._text import did_you_mean
from .arrays import is_float, to_numpy
from .formats import READERS, WRITERS, Content, read_ids, write_ids

FORBIDDEN = ("\0", "\n", "\r")


def read_embeddings(
    path: str | os.PathLike[str],
    *,
    ids_path: str | os.PathLike[str] | None = None,
    name: str | None = None,
) -> Representation:
    """Read a matrix of embeddings and its ids; the suffix says how.

    ============  ==========================================================================================
    .npz          arrays ``embedding`` [n, d] and ``ids`` [n]
    .npy          a matrix [n, d]; ids in ``ids_path``, or beside it in NAME.ids.txt or NAME.ids.npy
    .parquet      column ``id``; a list column ``embedding``, or else every other numeric column is a feature
    .safetensors  tensor ``embedding``; ids as a JSON list under ``ids`` in the metadata
    .csv          a header line; the first column is the id, the others are features
    .h5, .hdf5    data sets ``embedding`` and ``ids``
    .zarr         group (v2 or v3) with the array ``embedding`` and the attribute ``ids``
    ============  ==========================================================================================

    An array or column ``energies`` [n], total energies in eV, is no feature: it becomes the energies.
    Nothing is ever unpickled.

    Args:
        path: the file, or the folder of a Zarr group.
        ids_path: ids to take instead of the file's own: text, one id a line, or ``.npy``. Not for ``.csv``.
        name: what to call the representation; default the file's name without its suffix.

    Returns:
        Representation with a NumPy embedding [n, d] of the dtype in the file (integers become float32 or
        float64) and text ids. Its recipe is the one in the file, if any, with the file's name and a hash of
        its content. NaN and infinite values pass: the comparison reports them by id.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not readable, something missing, not a numeric matrix, or ids that do not fit the rows.
        ImportError: a Zarr group that only zarr itself can read.
    """
    path = Path(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path}: the suffix must be one of {', '.join(READERS)}")
    _must_exist(path)
    try:
        content = reader(path)
        if ids_path is not None:
            if path.suffix.lower() == ".csv":
                raise InputError("carries its ids in its first column: leave the file of ids out")
            _must_exist(Path(ids_path))
            content.ids = read_ids(Path(ids_path))
        embedding, ids, energies = _checked(content)
    except (FileNotFoundError, PermissionError, ImportError, MemoryError):
        raise
    except ValueError as error:
        raise InputError(f"{path}: {_line(error)}") from error
    # Each format's library has errors of its own, and not all have a base in common.
    except Exception as error:
        raise InputError(f"{path}: not readable as {path.suffix}: {_line(error)}") from error
    recipe = {**content.recipe, "file": path.name, "content": _fingerprint(embedding, ids)}
    return Representation(name or path.stem, embedding, ids, recipe, energies)


def write_embeddings(representation: Representation, path: str | os.PathLike[str]) -> Path:
    """Write a representation so that `read_embeddings` reads it back; the suffix says how.

    Under a temporary name first, so that nobody ever reads half a file; an existing file is replaced. The
    dtype stays, except that bfloat16 becomes float32 where the format lacks it (all but ``.safetensors``) and
    ``.csv`` reads back as float64. ``.npy`` gets NAME.ids.txt beside it and keeps no energies; ``.npy`` and
    ``.csv`` keep no recipe.

    Args:
        representation: [n, d] with n and d at least 1.
        path: where to; missing folders are made.

    Returns:
        The path.

    Raises:
        ValueError: unknown suffix, nothing to write, or an id that is empty or holds a line break.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    writer = WRITERS.get(suffix)
    if writer is None:
        raise InputError(f"{path}: the suffix must be one of {', '.join(WRITERS)}")
    embedding = to_numpy(representation.embedding)
    if embedding.dtype.name == "bfloat16" and suffix != ".safetensors":
        embedding = embedding.astype(np.float32)
    energies = None if representation.energies is None else to_numpy(representation.energies)
    try:
        embedding, ids, energies = _checked(Content(embedding, list(representation.ids), energies))
        recipe = json.loads(json.dumps(dict(representation.recipe)))
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: {_line(error)}") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.stem}.{os.getpid()}.{os.urandom(4).hex()}{path.suffix}")
    try:
        writer(scratch, Content(embedding, ids, energies, recipe))
        if suffix == ".npy":
            lines = scratch.with_suffix(".ids.txt")
            write_ids(lines, ids)
            lines.replace(path.with_suffix(".ids.txt"))
        if path.is_dir():
            old = scratch.with_suffix(".old")
            path.replace(old)
            scratch.replace(path)
            shutil.rmtree(old)
        else:
            scratch.replace(path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if scratch.is_file():
            scratch.unlink()
    return path


def _must_exist(path: Path) -> None:
    if not path.exists():
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise MissingFileError(f"{path} does not exist{did_you_mean(path.name, beside)}")
    if path.is_dir() != (path.suffix.lower() == ".zarr"):
        raise InputError(f"{path} is a {'folder' if path.is_dir() else 'file'}, not what {path.suffix} stands for")


def _checked(content: Content) -> tuple[np.ndarray, list[str], np.ndarray | None]:
    embedding = _numbers(content.embedding, "embedding")
    if embedding.ndim != 2:
        raise InputError(f"`embedding` has the shape {embedding.shape}, not [n, d]")
    if 0 in embedding.shape:
        raise InputError(f"`embedding` is empty: its shape is {embedding.shape}")
    if content.ids is None:
        raise InputError(content.missing_ids)
    ids = _ids(content.ids)
    if len(ids) != len(embedding):
        raise InputError(f"{len(ids)} ids for {len(embedding)} rows")
    first: dict[str, int] = {}
    for row, text in enumerate(ids, 1):
        if not text or any(character in text for character in FORBIDDEN):
            raise InputError(f"the id in row {row} is {'empty' if not text else f'no line of text: {text!r}'}")
        if first.setdefault(text, row) != row:
            raise InputError(f"the id {text!r} stands in rows {first[text]} and {row}; ids must differ")
    energies = None if content.energies is None else _numbers(content.energies, "energies").astype(np.float64)
    if energies is not None and energies.shape != (len(ids),):
        raise InputError(f"`energies` has the shape {energies.shape} for {len(ids)} rows")
    return embedding, ids, energies


def _numbers(array: Any, what: str) -> np.ndarray:
    array = np.asarray(array)
    if is_float(array.dtype):
        return array
    if array.dtype.kind in "iub":
        return array.astype(np.float32 if array.dtype.itemsize <= 2 else np.float64)
    raise InputError(f"`{what}` has the dtype {array.dtype}, which is no real number")


def _ids(ids: Any) -> list[str]:
    array = np.asarray(ids) if not isinstance(ids, list) else None
    if array is not None:
        if array.ndim != 1:
            raise InputError(f"`ids` has the shape {array.shape}, not [n]")
        if array.dtype.kind not in "iuUSO":
            raise InputError(f"`ids` has the dtype {array.dtype}: save them as text or as integers")
        ids = array.tolist()
    for row, value in enumerate(ids, 1):
        if isinstance(value, bool) or not isinstance(value, (str, bytes, int)):
            raise InputError(f"the id in row {row} is {value!r}: ids are text or integers")
    return [value.decode() if isinstance(value, bytes) else str(value) for value in ids]


def _fingerprint(embedding: np.ndarray, ids: Sequence[str]) -> str:
    digest = hashlib.sha256(f"{embedding.dtype.name}{embedding.shape}{json.dumps(ids)}".encode())
    digest.update(np.ascontiguousarray(embedding).view(np.uint8).data)
    return digest.hexdigest()[:16]


def _line(error: BaseException) -> str:
    if "allow_pickle" in str(error):
        return "holds a pickled object array, which is never read: save text as np.asarray(ids, dtype=str)"
    return (str(error) or type(error).__name__).splitlines()[0]
