"""Embeddings in Zarr groups, version 2 and 3."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..._errors import InputError
from ..content import ID_NAMES, Content, Selection
from ..named_arrays import Array, choose_arrays, parse_recipe

# Files of the metadata of a group, of version 3 and 2.
ZARR_MARKERS = ("zarr.json", ".zgroup", ".zattrs")


def read_zarr(path: Path, selection: Selection) -> Content:
    """Read arrays; the ids are an array or a list in the attributes of the group."""
    selection.only("key", "id_column")
    attributes = _attributes(path)
    names = sorted(p.name for p in path.iterdir() if (p / "zarr.json").is_file() or (p / ".zarray").is_file())
    if not names:
        raise InputError("contains no arrays")
    arrays = {name: _array(path / name) for name in names}
    listed = next((attributes[name] for name in ID_NAMES if name in attributes), None)
    if listed is not None and not selection.id_column:
        arrays = {name: array for name, array in arrays.items() if name not in ID_NAMES}
    content = choose_arrays(arrays, selection)
    if listed is not None and not selection.id_column:
        content.ids, content.ids_from = listed, "the attributes"
    if content.ids is None:
        content.missing_ids = "has no array with ids; a list `ids` in the attributes of the group would be read"
    content.recipe = parse_recipe(json.dumps(attributes.get("recipe")))
    return content


def _array(path: Path) -> Array:
    if _is_text(path):
        return Array(_shape(path), np.dtype(object), lambda: _read_text(path))
    store = _open(path)
    return Array(tuple(store.shape), np.dtype(store.dtype.numpy_dtype), lambda: _read(store, path))


def _metadata(path: Path) -> Mapping[str, Any]:
    file = path / "zarr.json" if (path / "zarr.json").is_file() else path / ".zarray"
    metadata = json.loads(file.read_text("utf-8"))
    if not isinstance(metadata, dict):
        raise InputError(f"{file} is damaged")
    return metadata


def _shape(path: Path) -> tuple[int, ...]:
    return tuple(_metadata(path)["shape"])


def _is_text(path: Path) -> bool:
    metadata = _metadata(path)
    dtype = metadata.get("data_type", metadata.get("dtype"))
    return not isinstance(dtype, str) or dtype in ("string", "|O") or dtype[1:2] in ("U", "S")


def _read_text(path: Path) -> Any:
    try:
        zarr = importlib.import_module("zarr")
    except ImportError as error:
        raise InputError(f"stores {path.name} as a text array, and reading it needs zarr: pip install zarr") from error
    values = np.asarray(zarr.open_array(str(path), mode="r")[:])
    return values.tolist() if values.dtype.kind in "OT" else values


def _attributes(path: Path) -> Mapping[str, Any]:
    if (path / "zarr.json").is_file():
        return _metadata(path).get("attributes", {})
    if (path / ".zattrs").is_file():
        return json.loads((path / ".zattrs").read_text("utf-8"))
    return {}


def read_array(path: Path) -> np.ndarray:
    """Read one Zarr array, v2 or v3.

    Raises:
        ValueError: a chunk is missing or damaged; Zarr itself reads a missing chunk as zeros.
    """
    return _read(_open(path), path)


def _open(path: Path) -> Any:
    import tensorstore as ts

    driver = "zarr3" if (path / "zarr.json").is_file() else "zarr"
    kvstore = {"driver": "file", "path": str(path.absolute())}
    spec = {"driver": driver, "kvstore": kvstore, "fill_missing_data_reads": False}
    return ts.open(spec, open=True, read=True).result()


def _read(store: Any, path: Path) -> np.ndarray:
    try:
        return store.read().result()
    except ValueError as error:
        if "is missing" not in str(error):
            raise
        chunk = str(error).partition("stored at")[0].strip().removeprefix("NOT_FOUND: ")
        raise InputError(
            f"{path.name}: {chunk} is missing; if it contains nothing but zeros, write it with write_empty_chunks"
        ) from error


def write_zarr(path: Path, content: Content) -> None:
    """Write a Zarr v3 group with the ids in its attributes."""
    import tensorstore as ts

    arrays = {"embedding": (content.embedding, ["sample", "feature"])}
    if content.energies is not None:
        arrays["energies"] = (content.energies, ["sample"])
    for name, (array, dimensions) in arrays.items():
        spec = {
            "driver": "zarr3",
            "kvstore": {"driver": "file", "path": str(path.absolute() / name)},
            "metadata": {"dimension_names": dimensions},
            # A chunk of zeros would else be indistinguishable from a missing one.
            "store_data_equal_to_fill_value": True,
        }
        ts.open(spec, create=True, dtype=array.dtype, shape=array.shape).result().write(array).result()
    attributes = {"ids": content.ids, "recipe": content.recipe}
    group = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    (path / "zarr.json").write_text(json.dumps(group), "utf-8")
