"""Reading and writing of embedding files."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .._cache import check_replaceable, replace_atomically
from .._errors import InputError, MissingFileError, output_errors
from .._representation import Representation
from .._text import did_you_mean, shorten
from .arrays import is_float, to_numpy
from .formats import READERS, WRITERS, Content, read_ids, write_ids

FORBIDDEN = ("\0", "\n", "\r")
# Files of the metadata of a Zarr group, of version 3 and 2.
ZARR_MARKERS = ("zarr.json", ".zgroup", ".zattrs")


def read_embeddings(
    path: str | os.PathLike[str],
    *,
    ids_path: str | os.PathLike[str] | None = None,
    name: str | None = None,
) -> Representation:
    """Read an embedding matrix and its ids; the suffix selects the format.

    ============  ==========================================================================================
    .npz          arrays ``embedding`` [n, d] and ``ids`` [n]
    .npy          a matrix [n, d]; ids in ``ids_path``, or next to it in NAME.ids.txt or NAME.ids.npy
    .parquet      column ``id``; a list column ``embedding``, or each other numeric column as a feature
    .safetensors  tensor ``embedding``; ids as a JSON list under ``ids`` in the metadata
    .csv          a header line; the first column contains the ids, the others the features
    .h5, .hdf5    data sets ``embedding`` and ``ids``
    .zarr         group (v2 or v3) with the array ``embedding`` and the attribute ``ids``
    ============  ==========================================================================================

    An array or column ``energies`` [n], total energies in eV, is read as the energies and not as a feature.
    Pickled data are never loaded.

    Args:
        path: the file, or the folder of a Zarr group.
        ids_path: file with ids that replace those in the data file: text with one id per line, or ``.npy``. Not
            supported for ``.csv``.
        name: name of the representation; by default the file name without its suffix.

    Returns:
        Representation with a NumPy embedding [n, d] of the dtype in the file (integers become float32 or
        float64) and text ids. Its recipe is the one in the file, if any, plus the file name and a hash of the
        content. NaN and infinite values are accepted here; the comparison reports them by id.

    Raises:
        FileNotFoundError: no such file.
        ValueError: unreadable file, missing data, no numeric matrix, or ids that do not match the rows.
        ImportError: a Zarr group that only the zarr package can read.
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
                raise InputError("takes its ids from its first column: do not pass a separate file of ids")
            _must_exist(Path(ids_path))
            content.ids = read_ids(Path(ids_path))
        embedding, ids, energies = _checked(content)
    except (FileNotFoundError, PermissionError, ImportError, MemoryError):
        raise
    except ValueError as error:
        raise InputError(f"{path}: {_line(error)}") from error
    # Each library raises its own errors, which have no common base class.
    except Exception as error:
        raise InputError(f"{path}: not readable as {path.suffix}: {_line(error)}") from error
    recipe = {**content.recipe, "file": path.name, "content": _fingerprint(embedding, ids)}
    return Representation(name or path.stem, embedding, ids, recipe, energies)


def write_embeddings(representation: Representation, path: str | os.PathLike[str]) -> Path:
    """Write a representation in a format that `read_embeddings` reads; the suffix selects the format.

    The file is written to a temporary path and renamed, so that readers never see a partial file; an existing file is
    replaced. The dtype is kept, except that bfloat16 becomes float32 in formats without it (all but ``.safetensors``)
    and ``.csv`` reads back as float64. For ``.npy``, the ids are written to NAME.ids.txt next to the file, and
    energies are not kept; ``.npy`` and ``.csv`` do not keep the recipe.

    Args:
        representation: [n, d] with n and d at least 1.
        path: output path; missing folders are created.

    Returns:
        The path.

    Raises:
        ValueError: unknown suffix, empty embedding, or an id that is empty or contains a line break.
        OutputError: the file cannot be written, or is a folder. A folder is replaced only by ``.zarr``, and only if it
            is empty or a Zarr group.
    """
    path = Path(path)
    check_output(path)
    suffix = path.suffix.lower()
    embedding = to_numpy(representation.embedding)
    if embedding.dtype.name == "bfloat16" and suffix != ".safetensors":
        embedding = embedding.astype(np.float32)
    energies = None if representation.energies is None else to_numpy(representation.energies)
    try:
        embedding, ids, energies = _checked(Content(embedding, list(representation.ids), energies))
        recipe = json.loads(json.dumps(dict(representation.recipe)))
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: {_line(error)}") from error
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_atomically(path, markers=_markers(path)) as temporary:
            WRITERS[suffix](temporary, Content(embedding, ids, energies, recipe))
            if suffix == ".npy":
                with replace_atomically(_ids_path(path)) as ids_file:
                    write_ids(ids_file, ids)
    return path


def check_output(path: Path) -> None:
    """Check before anything is computed that `write_embeddings` can write to a path.

    Raises:
        ValueError: unknown suffix.
        OutputError: a folder that may not be replaced; see `write_embeddings`.
    """
    if path.suffix.lower() not in WRITERS:
        raise InputError(f"{path}: the suffix must be one of {', '.join(WRITERS)}")
    check_replaceable(path, _markers(path))
    if path.suffix.lower() == ".npy":
        check_replaceable(_ids_path(path))


def _markers(path: Path) -> tuple[str, ...]:
    return ZARR_MARKERS if path.suffix.lower() == ".zarr" else ()


def _ids_path(path: Path) -> Path:
    return path.with_suffix(".ids.txt")


def _must_exist(path: Path) -> None:
    if not path.exists():
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise MissingFileError(f"{path} does not exist{did_you_mean(path.name, siblings)}")
    if path.is_dir() != (path.suffix.lower() == ".zarr"):
        kinds = ("folder", "file") if path.is_dir() else ("file", "folder")
        raise InputError(f"{path} is a {kinds[0]}, but {path.suffix} must be a {kinds[1]}")


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
            raise InputError(
                f"the id in row {row} is {'empty' if not text else f'not a line of text: {shorten(text)!r}'}"
            )
        if first.setdefault(text, row) != row:
            raise InputError(f"the id {shorten(text)!r} is in rows {first[text]} and {row}; ids must be unique")
    energies = None if content.energies is None else _numbers(content.energies, "energies").astype(np.float64)
    if energies is not None and energies.shape != (len(ids),):
        raise InputError(f"`energies` has the shape {energies.shape} for {len(ids)} rows")
    return embedding, ids, energies


def _numbers(array: Any, name: str) -> np.ndarray:
    array = np.asarray(array)
    if is_float(array.dtype):
        return array
    if array.dtype.kind in "iub":
        return array.astype(np.float32 if array.dtype.itemsize <= 2 else np.float64)
    raise InputError(f"`{name}` has the dtype {array.dtype}, which is not real and numeric")


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
            raise InputError(f"the id in row {row} is {shorten(repr(value))}: ids must be text or integers")
    return [value.decode() if isinstance(value, bytes) else str(value) for value in ids]


def _fingerprint(embedding: np.ndarray, ids: Sequence[str]) -> str:
    digest = hashlib.sha256(f"{embedding.dtype.name}{embedding.shape}{json.dumps(ids)}".encode())
    digest.update(np.ascontiguousarray(embedding).view(np.uint8).data)
    return digest.hexdigest()[:16]


def _line(error: BaseException) -> str:
    if "allow_pickle" in str(error):
        return "contains a pickled object array, which is never loaded: save text as np.asarray(ids, dtype=str)"
    return (str(error) or type(error).__name__).splitlines()[0]
