"""Embeddings in .pt and .pth files of PyTorch, and in the folders that ESM's extract script writes."""

from __future__ import annotations

import pickle
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...base import InputError, MissingPackageError, install_command, shorten, shorten_names
from ..arrays import to_numpy
from ..content import Content, Selection, pick
from ..named_arrays import Array, choose_arrays

MEANS, PER_TOKEN = "mean_representations", "representations"  # keys of ESM's extract script


def read_torch(path: Path, selection: Selection) -> Content:
    """Read a tensor, or a dictionary of tensors and lists of ids, without unpickling anything else.

    Raises:
        ImportError: torch is not installed.
        ValueError: objects other than tensors, numbers, text, lists and dictionaries; nothing that can be selected.
    """
    value = _load(path)
    if isinstance(value, Mapping) and MEANS in value:
        raise InputError("is one sample of a folder that ESM's extract script wrote: give the folder")
    arrays = dict(_arrays(value))
    if list(arrays) == [""]:
        selection.only()
        return Content(arrays[""].read(), features_from="the tensor", missing_ids="is a tensor without ids")
    selection.only("key", "id_column")
    return choose_arrays(arrays, selection, "tensor")


def read_esm_folder(folder: Path, paths: Sequence[Path], selection: Selection) -> Content:
    """Read the mean representations of one layer, one file per sample; the ids are the labels in the files."""
    selection.only("key")
    rows, ids = [], []
    layer = selection.key
    for path in paths:
        name = path.relative_to(folder).as_posix()
        value = _load(path, name)
        means = value.get(MEANS) if isinstance(value, Mapping) else None
        if not isinstance(means, Mapping) or not means:
            per_token = isinstance(value, Mapping) and PER_TOKEN in value
            hint = ": it has only one vector per residue; run the extract script with --include mean"
            raise InputError(f"{name} has no {MEANS}{hint if per_token else ''}")
        layers = [str(each) for each in means]
        if not layer and len(layers) > 1:
            raise InputError(f"contains several layers: choose one with --key: {shorten_names(layers)}")
        layer = layer or layers[0]
        chosen = pick(layer, layers, f"{name}: --key", "layer")
        rows.append(to_numpy(means[list(means)[layers.index(chosen)]]).reshape(-1))
        ids.append(str(value.get("label", name.removesuffix(path.suffix))))
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise InputError(f"contains vectors of different lengths: {', '.join(map(str, sorted(widths)))}")
    return Content(np.stack(rows), ids, features_from=f"{MEANS} of layer {layer}", ids_from="the labels")


def is_esm_sample(path: Path) -> bool:
    """Return whether a file was written by ESM's extract script."""
    value = _load(path, path.name)
    return isinstance(value, Mapping) and bool({MEANS, PER_TOKEN} & set(value))


def load_vector(path: Path) -> np.ndarray:
    """Read a file that contains one tensor."""
    value = _load(path, path.name)
    if not hasattr(value, "detach"):
        raise InputError(f"{path.name} contains {type(value).__name__}, not one tensor")
    return to_numpy(value)


def _load(path: Path, name: str = "") -> Any:
    """Load a file; errors begin with the name of one in a folder."""
    try:
        import torch
    except ImportError as error:
        raise MissingPackageError(f"{path}: reading .pt files needs torch: {install_command('torch')}") from error
    prefix = f"{name} " if name else ""
    _check_whole(path, prefix)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # Anything but an object that is not allowed is no pickle of torch.
        if "WeightsUnpickler error" not in str(error) or "Unsupported operand" in str(error):
            raise InputError(f"{prefix}is damaged, or not a file of PyTorch") from error
        raise InputError(
            f"{prefix}contains Python objects, which are never loaded: save a tensor and a list of ids, "
            "torch.save({'embedding': tensor, 'ids': ids}, ...)"
        ) from error
    except (OSError, MemoryError):
        raise
    # Of a damaged file, torch reads bytes as anything.
    except Exception as error:
        raise InputError(f"{prefix}is damaged, or not a file of PyTorch: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return shorten((str(error) or type(error).__name__).splitlines()[0], 120)


def _check_whole(path: Path, prefix: str) -> None:
    """Check the checksums of a file, which torch itself does not look at."""
    if not path.stat().st_size:
        raise InputError(f"{prefix}is empty")
    if not zipfile.is_zipfile(path):
        return  # of an old version of torch, without checksums
    try:
        with zipfile.ZipFile(path) as archive:
            # torch.serialization.set_crc32_options(False) writes zeros.
            wrong = archive.testzip() if any(info.CRC for info in archive.infolist()) else None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(f"{prefix}is damaged: {_reason(error)}") from error
    if wrong is not None:
        raise InputError(f"{prefix}is damaged: the checksum of {shorten(wrong)} in it does not match")


def _arrays(value: Any, prefix: str = "") -> Iterator[tuple[str, Array]]:
    """Yield the tensors and lists in dictionaries and lists by their path; items of a list are counted from 0."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _arrays(item, f"{prefix}/{key}" if prefix else str(key))
    elif hasattr(value, "detach"):
        yield prefix, Array(tuple(value.shape), _dtype(value), lambda: to_numpy(_plain(value)))
    elif isinstance(value, list | tuple) and value:
        yield from _items(value, prefix)
    elif isinstance(value, str):
        yield prefix, Array((), np.dtype(object), lambda: value)


def _plain(tensor: Any) -> Any:
    """Return a sparse or quantised tensor as a plain one."""
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    return tensor if str(tensor.layout) == "torch.strided" else tensor.to_dense()


def _dtype(tensor: Any) -> np.dtype:
    import torch

    return to_numpy(torch.empty(0, dtype=torch.float32 if tensor.is_quantized else tensor.dtype)).dtype


def _items(values: Sequence[Any], prefix: str) -> Iterator[tuple[str, Array]]:
    """Yield what a list contains: ids, numbers, rows, records, or several arrays."""
    first = values[0]
    if all(hasattr(item, "detach") for item in values):
        if len({item.shape for item in values}) == 1:
            rows = [item[0] for item in values] if first.shape[:1] == (1,) and first.ndim == 2 else values
            stacked = np.stack([to_numpy(_plain(row)) for row in rows])
            yield prefix, Array(stacked.shape, stacked.dtype, lambda: stacked)
        elif prefix:
            # One that is not selected must not hide the others.
            problem = InputError(f"{shorten(prefix)} contains tensors of different shapes")
            yield prefix, Array((len(values),), np.dtype("V1"), partial(_fail, problem))
        else:
            yield from _several(values, prefix)
    elif all(item is None or isinstance(item, str | int) for item in values):
        kind = np.dtype(np.int64) if all(isinstance(item, int) for item in values) else np.dtype(object)
        yield prefix, Array((len(values),), kind, lambda: list(values))
    elif all(map(_is_number, values)) or (
        all(
            isinstance(item, list | tuple) and len(item) == len(first) and all(map(_is_number, item)) for item in values
        )
    ):
        numbers = np.array(values)
        yield prefix, Array(numbers.shape, numbers.dtype, lambda: numbers)
    elif isinstance(first, Mapping) and all(
        isinstance(item, Mapping) and item.keys() == first.keys() for item in values
    ):
        yield from _arrays({key: [item[key] for item in values] for key in first}, prefix)
    elif isinstance(first, list | tuple) and _are_pairs(values):
        yield from _several([list(column) for column in zip(*values, strict=True)], prefix)
    else:
        yield from _several(values, prefix)


def _several(values: Sequence[Any], prefix: str) -> Iterator[tuple[str, Array]]:
    yield from _arrays(dict(enumerate(values)), prefix)


def _are_pairs(values: Sequence[Any]) -> bool:
    """Return whether values are pairs of an id and a tensor, in either order."""
    if not all(isinstance(item, list | tuple) and len(item) == 2 for item in values):
        return False
    kinds = {tuple("tensor" if hasattr(v, "detach") else type(v).__name__ for v in item) for item in values}
    return len(kinds) == 1 and sorted(next(iter(kinds))) in (["str", "tensor"], ["int", "tensor"])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _fail(problem: InputError) -> Any:
    raise problem
