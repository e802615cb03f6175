"""Embeddings in HDF5 files: named data sets, or one vector under each id."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...base import InputError, shorten
from ..content import Content, Selection
from ..named_arrays import KEYED, Array, choose_arrays, parse_recipe

# The id before characters were replaced that the writer did not allow in names (bio_embeddings, ProtTrans).
ORIGINAL_ID = "original_id"


def read_h5(path: Path, selection: Selection) -> Content:
    """Read data sets at any depth; attribute ``recipe``.

    Where each data set is one vector, its name, or its attribute ``original_id``, is the id.
    """
    import h5py

    selection.only("key", "id_column")
    with h5py.File(path) as file:
        found: list[tuple[str, Any]] = []
        file.visititems(lambda name, item: found.append((name, item)))
        sets = {name: item for name, item in found if isinstance(item, h5py.Dataset)}
        content = choose_arrays({name: _array(name, item) for name, item in sets.items()}, selection, "data set")
        content.recipe = parse_recipe(file.attrs.get("recipe"))
        if content.ids_from == KEYED:
            content.ids = [
                str(item.attrs.get(ORIGINAL_ID, name))
                for name, item in zip(_keys(list(sets)), sets.values(), strict=True)
            ]
            if any(ORIGINAL_ID in item.attrs for item in sets.values()):
                content.ids_from = f"the attribute {ORIGINAL_ID}"
    return content


def _keys(names: Sequence[str]) -> list[str]:
    """Return the parts in which the paths of data sets differ: without the group, or without the name, that all share.

    An id may itself contain slashes, as SMILES do, so no other part is removed.
    """
    parents = {name.rpartition("/")[0] for name in names}
    if len(parents) == 1:
        return [name.rpartition("/")[2] for name in names]
    if len({name.rpartition("/")[2] for name in names}) == 1 and len(parents) == len(names):
        return [name.rpartition("/")[0] for name in names]
    return list(names)


def _array(name: str, item: Any) -> Array:
    return Array(item.shape or (), item.dtype, lambda: _read(name, item))


def _read(name: str, item: Any) -> Any:
    check_whole(name, item)
    return item[()]


def check_whole(name: str, item: Any) -> None:
    """Check that all of a data set is in the file, because HDF5 reads missing parts as zeros.

    Raises:
        ValueError: some of it was never written.
    """
    if item.size and item.dtype.kind != "O" and not item.is_virtual and not item.external:
        if item.chunks:
            expected = math.prod(math.ceil(n / chunk) for n, chunk in zip(item.shape, item.chunks, strict=True))
            missing = expected - item.id.get_num_chunks()
            if missing:
                raise InputError(f"data set {shorten(name)} has {missing} of {expected} chunks missing")
        elif item.id.get_storage_size() < item.size * item.dtype.itemsize:
            raise InputError(f"data set {shorten(name)} of shape {list(item.shape)} was never written")


def write_h5(path: Path, content: Content) -> None:
    """Write the data sets that `read_h5` reads."""
    import h5py

    # The HDF5 library crashes the process if the disk is full, so it writes to memory only.
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        file["embedding"] = content.embedding
        file.create_dataset("ids", data=content.ids, dtype=h5py.string_dtype())
        if content.energies is not None:
            file["energies"] = content.energies
        file.attrs["recipe"] = json.dumps(content.recipe)
    path.write_bytes(memory.getbuffer())
