"""Embeddings in Zarr groups, version 2 and 3."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...base import InputError, shorten
from ..content import ID_NAMES, Content, Selection
from ..named_arrays import KEYED, Array, choose_arrays, parse_recipe

# Files of the metadata of a group or array, of version 3 and 2.
ZARR_MARKERS = ("zarr.json", ".zgroup", ".zattrs", ".zarray")


def read_zarr(path: Path, selection: Selection) -> Content:
    """Read arrays at any depth; the ids are an array, or a list in the attributes of their group or of the root."""
    if _is_array(path):
        selection.only()
        embedding = _array(path, "the array").read()
        ids = _listed([_attributes(path)], np.shape(embedding)[:1])
        return Content(embedding, ids, None, {}, "the array", "the attributes", (), "is an array without ids")
    selection.only("key", "id_column")
    arrays = {name: _array(path / name, name) for name in _names(path)}
    if not arrays:
        raise InputError("contains no arrays")
    groups = {name.rpartition("/")[0] for name in arrays} | {""}
    attributes = {group: _attributes(path / group) for group in groups}
    content = (
        choose_arrays(arrays, selection) if selection.id_column else _with_listed_ids(arrays, attributes, selection)
    )
    if content.ids is None:
        content.missing_ids = "has no array with ids; a list `ids` in the attributes of the group would be read"
    content.recipe = parse_recipe(json.dumps(attributes[""].get("recipe")))
    return content


def _with_listed_ids(
    arrays: Mapping[str, Array], attributes: Mapping[str, Mapping[str, Any]], selection: Selection
) -> Content:
    """Choose arrays; lists of ids in the attributes come before arrays with ids."""
    lengths = {len(each[name]) for each in attributes.values() for name in ID_NAMES if isinstance(each.get(name), list)}
    hidden = [name for name, each in arrays.items() if _may_be_ids(name, each) and each.shape[0] in lengths]
    content = choose_arrays({name: each for name, each in arrays.items() if name not in hidden}, selection)
    if content.ids_from == KEYED:
        return content
    group = content.features_from.rpartition("/")[0]
    n = np.shape(content.embedding)[:1]
    listed = _listed([attributes[group], attributes[""]], n)
    if listed is None or len(listed) != n[0]:
        content = choose_arrays(arrays, selection)
        hidden = []
    if listed is not None and (content.ids is None or len(listed) == n[0]):
        content.ids, content.ids_from = listed, "the attributes"
        content.left_out = [*content.left_out, *hidden]
    return content


def _listed(attributes: Sequence[Mapping[str, Any]], n: tuple[int, ...]) -> list[Any] | None:
    """Return the list of ids in attributes that has the length n, else any, so that the wrong length is reported."""
    lists = [each[name] for each in attributes for name in ID_NAMES if isinstance(each.get(name), list)]
    return next((each for each in lists if (len(each),) == n), lists[0] if lists else None)


def _may_be_ids(name: str, array: Array) -> bool:
    return len(array.shape) == 1 and (array.is_text or name.rpartition("/")[2] in ID_NAMES)


def _names(path: Path, prefix: str = "") -> list[str]:
    """Return the paths of the arrays in a group and the groups in it."""
    found: list[str] = []
    for item in sorted(path.iterdir()):
        if item.is_dir() and not item.name.startswith("."):
            name = f"{prefix}{item.name}"
            found += [name] if _is_array(item) else _names(item, f"{name}/")
    return found


def _is_array(path: Path) -> bool:
    if (path / "zarr.json").is_file():
        return _metadata(path / "zarr.json").get("node_type") == "array"
    return (path / ".zarray").is_file()


def _array(path: Path, name: str) -> Array:
    """Return an array that is opened where it is read, because others may be of kinds that cannot be read."""
    file = path / "zarr.json" if (path / "zarr.json").is_file() else path / ".zarray"
    metadata = _metadata(file)
    shape, dtype = metadata.get("shape"), metadata.get("data_type", metadata.get("dtype"))
    if not isinstance(shape, list) or not all(isinstance(n, int) for n in shape) or dtype is None:
        raise InputError(f"{name}: {file.name} is damaged")
    if not isinstance(dtype, str) or dtype in ("string", "|O") or dtype[1:2] in ("U", "S"):
        return Array(tuple(shape), np.dtype(object), lambda: _read_text(path, name))
    return Array(tuple(shape), _dtype(dtype), lambda: _read(_open(path), name))


def _dtype(name: str) -> np.dtype:
    import ml_dtypes

    try:
        return np.dtype(getattr(ml_dtypes, name, name))
    except TypeError:
        return np.dtype("V1")


def _metadata(file: Path) -> Mapping[str, Any]:
    try:
        metadata = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise InputError(f"{file.parent.name}/{file.name} is damaged: {shorten(error, 120)}") from error
    if not isinstance(metadata, dict):
        raise InputError(f"{file.parent.name}/{file.name} is damaged")
    return metadata


def _read_text(path: Path, name: str) -> Any:
    try:
        zarr = importlib.import_module("zarr")
    except ImportError as error:
        raise InputError(f"stores {name} as a text array, and reading it needs zarr: pip install zarr") from error
    values = np.asarray(zarr.open_array(str(path), mode="r")[:])
    return values.tolist() if values.dtype.kind in "OT" else values


def _attributes(path: Path) -> Mapping[str, Any]:
    attributes: Any = {}
    if (path / "zarr.json").is_file():
        attributes = _metadata(path / "zarr.json").get("attributes", {})
    elif (path / ".zattrs").is_file():
        attributes = _metadata(path / ".zattrs")
    return attributes if isinstance(attributes, dict) else {}


def read_array(path: Path) -> np.ndarray:
    """Read one Zarr array, v2 or v3.

    Raises:
        ValueError: a chunk is missing or damaged; Zarr itself reads a missing chunk as zeros.
    """
    return _read(_open(path), path.name)


def _open(path: Path) -> Any:
    import tensorstore as ts

    driver = "zarr3" if (path / "zarr.json").is_file() else "zarr"
    kvstore = {"driver": "file", "path": str(path.absolute())}
    spec = {"driver": driver, "kvstore": kvstore, "fill_missing_data_reads": False}
    return ts.open(spec, open=True, read=True).result()


def _read(store: Any, name: str) -> np.ndarray:
    try:
        return store.read().result()
    except ValueError as error:
        if "is missing" not in str(error):
            raise
        chunk = str(error).partition("stored at")[0].strip().removeprefix("NOT_FOUND: ")
        raise InputError(
            f"{name}: {chunk} is missing; if it contains nothing but zeros, write it with write_empty_chunks"
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
