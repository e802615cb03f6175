"""Embeddings in .safetensors files, also in bfloat16 and in 8-bit floating-point formats."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...base import InputError
from ..content import Content, Selection
from ..named_arrays import Array, choose_arrays, parse_recipe

# The names of dtypes in the format; those that NumPy itself does not have are in ml_dtypes.
DTYPES = {
    "BOOL": "bool",
    **{f"I{8 * size}": f"i{size}" for size in (1, 2, 4, 8)},
    **{f"U{8 * size}": f"u{size}" for size in (1, 2, 4, 8)},
    **{f"F{8 * size}": f"f{size}" for size in (2, 4, 8)},
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
}
UNKNOWN = np.dtype("V1")


def read_safetensors(path: Path, selection: Selection) -> Content:
    """Read the tensors; ids are a JSON list under ``ids`` in the metadata, or as in other files of arrays."""
    import safetensors

    selection.only("key", "id_column")
    # The library checks that the header and the size of the file agree.
    with safetensors.safe_open(path, "numpy") as file:
        metadata = file.metadata() or {}
    header, start = _header(path)
    arrays = {}
    for name, entry in header.items():
        shape, dtype = tuple(entry["shape"]), _dtype(entry["dtype"])
        offset = start + entry["data_offsets"][0]
        arrays[name] = Array(shape, dtype, partial(_map, path, shape, dtype, offset))
    content = choose_arrays(arrays, selection, "tensor")
    if content.ids is None and "ids" in metadata:
        try:
            content.ids, content.ids_from = json.loads(metadata["ids"]), "the metadata"
        except ValueError as error:
            raise InputError("has `ids` in its metadata that are no JSON list of text") from error
    content.recipe = parse_recipe(metadata.get("recipe"))
    if content.ids is None:
        content.missing_ids += "; a JSON list of n ids under `ids` in the metadata would be read"
    return content


def _header(path: Path) -> tuple[dict[str, Any], int]:
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        header = json.loads(stream.read(length))
    header.pop("__metadata__", None)
    return header, 8 + length


def _dtype(name: str) -> np.dtype:
    import ml_dtypes

    known = DTYPES.get(name)
    if known is None:
        return UNKNOWN
    return np.dtype(getattr(ml_dtypes, known, known))


def _map(path: Path, shape: tuple[int, ...], dtype: np.dtype, offset: int) -> np.ndarray:
    return np.memmap(path, dtype, "r", offset, shape) if 0 not in shape else np.empty(shape, dtype)


def write_safetensors(path: Path, content: Content) -> None:
    """Write the tensors and metadata that `read_safetensors` reads.

    The library's own writer for NumPy has no 8-bit floating-point formats.
    """
    names = {_dtype(name): name for name in DTYPES}
    tensors = {"embedding": content.embedding}
    if content.energies is not None:
        tensors["energies"] = content.energies
    header: dict[str, Any] = {
        "__metadata__": {"ids": json.dumps(content.ids), "recipe": json.dumps(content.recipe)},
    }
    offset = 0
    for name, array in tensors.items():
        header[name] = {
            "dtype": names[array.dtype.newbyteorder("=")],
            "shape": array.shape,
            "data_offsets": [offset, offset + array.nbytes],
        }
        offset += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for array in tensors.values():
            little = array.astype(array.dtype.newbyteorder("<"), copy=False) if array.dtype.kind == "f" else array
            stream.write(np.ascontiguousarray(little).view(np.uint8).data)
