"""Embeddings in .pt and .pth files of PyTorch, and in the folders that ESM's extract script writes."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..._errors import InputError, MissingPackageError
from ..._text import shorten, shorten_names
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
    selection.only("key", "id_column")
    arrays = dict(_arrays(value))
    if list(arrays) == [""]:
        return Content(arrays[""].read(), features_from="the tensor", missing_ids="is a tensor without ids")
    return choose_arrays(arrays, selection, "tensor")


def read_esm_folder(paths: Sequence[Path], selection: Selection) -> Content:
    """Read the mean representations of one layer, one file per sample; the ids are the labels in the files."""
    selection.only("key")
    rows, ids = [], []
    layer = selection.key
    for path in paths:
        value = _load(path)
        means = value.get(MEANS) if isinstance(value, Mapping) else None
        if not isinstance(means, Mapping) or not means:
            per_token = isinstance(value, Mapping) and PER_TOKEN in value
            hint = ": it has only one vector per residue; run the extract script with --include mean"
            raise InputError(f"{path.name} has no {MEANS}{hint if per_token else ''}")
        layers = [str(each) for each in means]
        if not layer and len(layers) > 1:
            raise InputError(f"contains several layers: choose one with --key: {shorten_names(layers)}")
        layer = layer or layers[0]
        chosen = pick(layer, layers, f"{path.name}: --key", "layer")
        rows.append(to_numpy(means[list(means)[layers.index(chosen)]]).reshape(-1))
        ids.append(str(value.get("label", path.stem)))
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise InputError(f"contains vectors of different lengths: {', '.join(map(str, sorted(widths)))}")
    return Content(np.stack(rows), ids, features_from=f"{MEANS} of layer {layer}", ids_from="the labels")


def is_esm_sample(path: Path) -> bool:
    """Return whether a file was written by ESM's extract script."""
    value = _load(path)
    return isinstance(value, Mapping) and bool({MEANS, PER_TOKEN} & set(value))


def load_vector(path: Path) -> np.ndarray:
    """Read a file that contains one tensor."""
    value = _load(path)
    if not hasattr(value, "detach"):
        raise InputError(f"{path.name} contains {type(value).__name__}, not one tensor")
    return to_numpy(value)


def _load(path: Path) -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingPackageError(f"{path}: reading .pt files needs torch: pip install 'hyle[zoo]'") from error
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path.name} contains Python objects, which are never loaded: save a tensor and a list of ids, "
            "torch.save({'embedding': tensor, 'ids': ids}, ...)"
        ) from error


def _arrays(value: Any, prefix: str = "") -> Iterator[tuple[str, Array]]:
    """Yield the tensors and lists of a nested dictionary by their path."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _arrays(item, f"{prefix}/{key}" if prefix else str(key))
    elif hasattr(value, "detach"):
        dtype = to_numpy(value.reshape(-1)[:0]).dtype
        yield prefix, Array(tuple(value.shape), dtype, lambda: to_numpy(value))
    elif isinstance(value, list | tuple) and value:
        if all(hasattr(item, "detach") for item in value):
            stacked = np.stack([to_numpy(item) for item in value]) if len({i.shape for i in value}) == 1 else None
            if stacked is None:
                raise InputError(f"{shorten(prefix) or 'the list'} contains tensors of different shapes")
            yield prefix, Array(stacked.shape, stacked.dtype, lambda: stacked)
        elif all(isinstance(item, str | int) for item in value):
            items = list(value)
            kind = np.dtype(object) if any(isinstance(item, str) for item in items) else np.dtype(np.int64)
            yield prefix, Array((len(items),), kind, lambda: items)
    elif isinstance(value, str):
        yield prefix, Array((), np.dtype(object), lambda: value)
