"""Arrays and metadata as objects, in the same files as in a folder; chunks are encoded by TensorStore in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import chain
from typing import Any

import numpy as np

from ...base import InputError
from ..checkpoint import array_metadata, chunk_rows, group_files
from .bucket import Bucket
from .in_order import in_order

# Chunks, of up to 16 MB each, that are on their way at the same time.
PARALLEL = 4


def write_data(
    bucket: Bucket,
    folder: str,
    arrays: Mapping[str, np.ndarray],
    *,
    files: Mapping[str, str],
    attributes: Mapping[str, Any] | None = None,
    step: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Write arrays and other files below a folder that nobody else uses.

    Args:
        bucket: where to.
        folder: the folder.
        arrays: name -> contiguous array.
        files: name -> text of further files.
        attributes: of the Zarr group.
        step: called after every object.

    Returns:
        What `read_rows` and `check_data` need: ``folder``, ``arrays`` and ``objects`` with the hash of each.
    """
    texts = {**group_files(list(arrays), attributes), **files}
    encoded = chain.from_iterable(_encoded(name, array) for name, array in arrays.items())

    def put(item: tuple[str, bytes]) -> tuple[str, str]:
        name, content = item
        bucket.put(f"{folder}/{name}", content)
        return name, hashlib.sha256(content).hexdigest()

    objects = {}
    for name, sha256 in in_order(put, chain(encoded, ((n, text.encode()) for n, text in texts.items())), PARALLEL):
        objects[name] = sha256
        step()
    layout = {
        name: {"shape": list(array.shape), "dtype": array.dtype.name, "chunk_rows": chunk_rows(array)}
        for name, array in arrays.items()
    }
    return {"folder": folder, "arrays": layout, "objects": objects}


def read_rows(bucket: Bucket, data: Mapping[str, Any], name: str, rows: slice | None = None) -> np.ndarray:
    """Read some rows of an array, by default all: only the chunks that contain them, each compared with its hash.

    Raises:
        ValueError: a chunk is damaged.
        FileNotFoundError: a chunk is missing.
    """
    layout = data["arrays"][name]
    shape, size = layout["shape"], layout["chunk_rows"]
    rows = rows or slice(0, shape[0])
    store, chunks = _in_memory(shape, layout["dtype"], size)
    found = np.empty((rows.stop - rows.start, *shape[1:]), store.dtype.numpy_dtype)
    numbers = range(rows.start // size, -(-rows.stop // size)) if len(found) else range(0)
    keys = [_chunk_name(number, len(shape)) for number in numbers]
    contents = in_order(lambda key: read_object(bucket, data, f"arrays/{name}/{key}"), keys, PARALLEL)
    for number, key, content in zip(numbers, keys, contents, strict=True):
        chunks.write(key, content).result()
        first, last = max(rows.start, number * size), min(rows.stop, (number + 1) * size)
        found[first - rows.start : last - rows.start] = store[first:last].read().result()
        chunks.write(key, None).result()
    return found


def read_object(bucket: Bucket, data: Mapping[str, Any], name: str) -> bytes:
    """Read an object and compare it with its hash."""
    path = f"{data['folder']}/{name}"
    content = bucket.get(path)
    if hashlib.sha256(content).hexdigest() != data["objects"][name]:
        raise InputError(f"{bucket.address}/{path} has changed since it was written")
    return content


def check_data(bucket: Bucket, data: Mapping[str, Any]) -> None:
    """Read all objects and compare them with their hashes.

    Raises:
        ValueError: one is damaged.
        FileNotFoundError: one is missing.
    """
    for _ in in_order(lambda name: len(read_object(bucket, data, name)), data["objects"], PARALLEL):
        pass


def remove_data(bucket: Bucket, folder: str, *, first: Collection[str] = ()) -> None:
    """Remove everything below a folder, some names before all others."""
    bucket.delete([each.name for name in first for each in bucket.list(f"{folder}/{name}")])
    bucket.delete([each.name for each in bucket.list(folder)])


def _encoded(name: str, array: np.ndarray) -> Iterator[tuple[str, bytes]]:
    """Yield the objects of an array: its metadata and its chunks, one by one."""
    size = chunk_rows(array)
    store, chunks = _in_memory(array.shape, array.dtype.name, size)
    yield f"arrays/{name}/zarr.json", chunks.read("zarr.json").result().value
    for number, first in enumerate(range(0, len(array), size)):
        key, end = _chunk_name(number, array.ndim), min(first + size, len(array))
        store[first:end].write(array[first:end]).result()
        content = chunks.read(key).result().value
        chunks.write(key, None).result()
        yield f"arrays/{name}/{key}", content


def _in_memory(shape: Collection[int], dtype: str, rows: int) -> tuple[Any, Any]:
    """Return a Zarr array in memory, and the objects that it consists of."""
    import tensorstore as ts

    context = ts.Context()
    spec = {
        "driver": "zarr3",
        "kvstore": {"driver": "memory"},
        "metadata": array_metadata(list(shape), dtype, rows),
        "store_data_equal_to_fill_value": True,
        "fill_missing_data_reads": False,
    }
    return (
        ts.open(spec, create=True, context=context).result(),
        ts.KvStore.open({"driver": "memory"}, context=context).result(),
    )


def _chunk_name(number: int, dimensions: int) -> str:
    return "/".join(["c", str(number), *["0"] * (dimensions - 1)])
