"""The representations that `compare` takes: several arguments, a list or a mapping, each with a name."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ..base import InputError, InputTypeError

COVARIATES = "covariates"
_USAGE = "compare(x, y), compare([x, y]) or compare({'a': x, 'b': y})"
_SHOWN = 5  # columns that a message lists
_MAX_TEXT = 80  # characters


@dataclass(frozen=True)
class _Table:
    """A DataFrame whose index is the sample ids."""

    embedding: np.ndarray
    ids: Sequence[str]
    row_numbers: bool


def name_representations(given: Sequence[Any]) -> dict[str, Any]:
    """Return name -> representation for the positional arguments of `compare`.

    The names are the keys of a mapping. In a list, an object with ``ids`` has its ``name``, and every other one is
    called after its position: "array 1", "array 2" and so on. Names that repeat are numbered: "a", "a (2)".

    Raises:
        InputError: there is no representation.
        InputTypeError: mappings among other arguments.

    Example:
        >>> list(name_representations([[[[0.0]], [[1.0]]]]))
        ['array 1', 'array 2']
    """
    if len(given) == 1 and isinstance(given[0], Mapping):
        named = dict(given[0])
    else:
        values = list(given[0]) if len(given) == 1 and isinstance(given[0], list | tuple | Iterator) else list(given)
        named = {}
        for position, value in enumerate(values, 1):
            if isinstance(value, Mapping):
                raise InputTypeError(f"representation {position} is a {type(value).__name__}: use {_USAGE}")
            name = first = _own_name(value) or f"array {position}"
            copies = 1
            while name in named:
                copies += 1
                name = f"{first} ({copies})"
            named[name] = value
    if not named:
        raise InputError(f"there is nothing to compare: use {_USAGE}")
    return named


def check_representations(named: Mapping[str, Any], covariates: Any = None) -> tuple[dict[str, Any], Any]:
    """Check the type of every representation and of the covariates, and give DataFrames the ids in their index.

    If every DataFrame has the default index, their rows are joined by position, as those of arrays are.

    Returns:
        The representations and the covariates, each an array [n, d] or an object with ``embedding`` and ``ids``.

    Raises:
        InputError: a DataFrame with a column that does not contain numbers.
        InputTypeError: a path, or another object that is not a matrix.
    """
    if COVARIATES in named and covariates is not None:
        raise InputError("a representation is called 'covariates', as the covariates are: give it another name")
    values = dict(named) if covariates is None else {**named, COVARIATES: covariates}
    values = {name: _checked(str(name), value) for name, value in values.items()}
    frames = {name: value for name, value in values.items() if isinstance(value, pd.DataFrame)}
    labelled = any(not _has_default_index(frame) for frame in frames.values())
    # Default indexes of different lengths belong to different samples, which only the index can tell apart.
    labelled |= len({len(frame) for frame in frames.values()}) > 1
    for name, frame in frames.items():
        array = _numbers(str(name), frame)
        values[name] = _Table(array, list(map(str, frame.index)), _has_default_index(frame)) if labelled else array
    return values, values.pop(COVARIATES, None) if covariates is not None else None


def _own_name(value: Any) -> str:
    if isinstance(value, xr.DataArray) or _has_ids(value):
        name = getattr(value, "name", None)
        return name if isinstance(name, str) else ""
    return ""


def _has_ids(value: Any) -> bool:
    return hasattr(value, "ids") and hasattr(value, "embedding")


def _checked(name: str, value: Any) -> Any:
    """Return a representation, a list as an array; raise an error that names it if it is none."""
    if isinstance(value, str | os.PathLike):
        text = os.fspath(value)
        raise InputTypeError(
            f"{name} is the text {text[:_MAX_TEXT]!r}: hyle.compare reads files of embeddings, or read one with "
            "hyle.read_embeddings; metrics are named by metrics=[...]"
        )
    if _has_ids(value):
        return value
    if isinstance(value, list | tuple):
        try:
            value = np.asarray(value)
        except ValueError:
            raise InputError(f"{name} must be a matrix [n, d], but its rows have different lengths") from None
    shape = getattr(value, "shape", None)
    if shape is None or isinstance(value, Mapping):
        raise InputTypeError(
            f"{name} is of type {type(value).__name__}: a representation is a matrix [n, d], or an object with "
            "`embedding` and `ids`"
        )
    if len(shape) != 2:
        several = "; several representations are a list" if len(shape) == 3 else ""
        raise InputError(f"{name} must be a matrix [n, d]; got shape {tuple(shape)}{several}")
    if isinstance(value, np.ndarray) and value.dtype.kind in "OSUMm":
        raise InputTypeError(f"{name} must contain real numbers; got dtype {value.dtype}")
    return value


def _has_default_index(frame: pd.DataFrame) -> bool:
    return isinstance(frame.index, pd.RangeIndex) and frame.index.start == 0 and frame.index.step == 1


def _numbers(name: str, frame: pd.DataFrame) -> np.ndarray:
    """Return the values of a DataFrame, float32 if all its columns are, else float64."""
    if isinstance(frame.index, pd.MultiIndex):
        raise InputError(f"{name}: an index of {frame.index.nlevels} levels: keep the one that is the sample id")
    other = [
        str(column)
        for column, dtype in zip(frame.columns, frame.dtypes, strict=True)
        if not pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_complex_dtype(dtype)
    ]
    if other:
        raise InputError(
            f"{name}: columns that are not numbers: {', '.join(other[:_SHOWN])}{', ...' * (len(other) > _SHOWN)}; drop "
            "them, or make the sample ids the index by set_index"
        )
    narrow = all(dtype == np.float32 for dtype in frame.dtypes)
    return frame.to_numpy(dtype=np.float32 if narrow else np.float64, na_value=np.nan)
