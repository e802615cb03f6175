"""Join representations by sample id: the same samples in the same order."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from ..base import InputError, caller_level, matrix, use_numpy

SHOWN = 3  # ids of each representation that a message lists
CHECKED = 4096  # rows that are checked at once


class JoinWarning(UserWarning):
    """Warning that most samples of a representation are in none of the others."""


class Embedded(Protocol):
    """What a representation must have to be joined by id.

    It may also have ``row_numbers``: whether the ids are no ids of the data but row numbers, from 0.
    """

    @property
    def embedding(self) -> Any:
        """Tensor [n, d]."""
        ...

    @property
    def ids(self) -> Sequence[str]:
        """Sample ids, one per row, without repetitions."""
        ...


@dataclass(frozen=True)
class Joined:
    """Representations of the same n samples.

    Args:
        names: m names.
        arrays: m floating matrices [n, d_m], rows in the order of ids: NumPy arrays on a CPU, if all are float32.
        ids: n sample ids, sorted, so that ties are broken in the same way whatever the order of the files.
        rows_in: rows of each representation before the join.
        dtypes: dtype of each representation before the join.
        notes: which samples were lost, and whether row numbers were joined to ids, one line each.
        warning: one line if less than half of the samples of a representation are common to all; else empty.
    """

    names: list[str]
    arrays: list[Any]
    ids: list[str]
    rows_in: list[int]
    dtypes: list[str]
    notes: Sequence[str] = ()
    warning: str = ""

    @property
    def sample_hash(self) -> str:
        """The first 16 hex digits of the SHA-256 of the sample ids."""
        return hashlib.sha256("\n".join(self.ids).encode()).hexdigest()[:16]


def join(representations: Mapping[str, Any]) -> Joined:
    """Join representations by id; plain arrays, which must all have the same number of rows, by position.

    Raises:
        ValueError: some have ids and others do not, an id is duplicated, fewer than four samples are common to all,
            the numbers of rows or of ids and rows differ, row numbers from 0 meet ids from 1, or a row is not finite;
            names the representation and the row.

    Warns:
        JoinWarning: less than half of the samples of the smallest representation are common to all.
    """
    names = list(representations)
    if not names:
        raise InputError("there is nothing to compare: give at least one representation")
    values = list(representations.values())
    with_ids = [hasattr(value, "ids") and hasattr(value, "embedding") for value in values]
    if any(with_ids) and not all(with_ids):
        raise InputError(f"{names[with_ids.index(False)]} has no sample ids and others have: give ids to all or none")
    if all(with_ids):
        for name, value in zip(names, values, strict=True):
            if len(value.ids) != len(value.embedding):
                raise InputError(f"{name} has {len(value.ids)} sample ids for {len(value.embedding)} rows")
        tables = [_positions(name, value.ids) for name, value in zip(names, values, strict=True)]
        numbered = [bool(getattr(value, "row_numbers", False)) for value in values]
        made = [name for name, each in zip(names, numbered, strict=True) if each]
        counting = check_counting({n: t.keys() for n, t in zip(names, tables, strict=True)}, made)
        common = sorted(set(tables[0]).intersection(*tables[1:]))
        tensors = [value.embedding for value in values]
    else:
        lengths = {name: len(value) for name, value in representations.items()}
        if len(set(lengths.values())) > 1:
            raise InputError(f"without ids all must have the same rows; got {lengths}")
        common = [str(i) for i in range(len(values[0]))]
        tables = [{row: i for i, row in enumerate(common[:SHOWN])}] * len(names)
        tensors = values
        counting = []
        numbered = [True] * len(names)
    if len(common) < 4:
        raise InputError(_too_few(names, tables, len(common)))
    arrays: list[Any] = []
    on_cpu = jax.default_backend() == "cpu"
    for name, tensor, table in zip(names, tensors, tables, strict=True):
        array = _matrix(name, tensor)
        if all(with_ids):
            rows = np.fromiter((table[i] for i in common), np.int64, len(common))
            if not np.array_equal(rows, np.arange(len(array))):
                # NumPy on a CPU, where JAX would compile a program for every width.
                array = np.asarray(array)[rows] if on_cpu else array[jnp.asarray(rows)]
        arrays.append(_finite(name, array, common))
    if all(use_numpy(array) for array in arrays):
        arrays = [np.asarray(array) for array in arrays]  # they share the memory
    else:
        arrays = [matrix(array, name) for name, array in zip(names, arrays, strict=True)]
        # Shared arrays are committed to a device and copies are not; JAX would compile again for every mixture.
        arrays = [jax.device_put(array, array.sharding) for array in arrays]
    dtypes = [str(getattr(tensor, "dtype", "number")).removeprefix("torch.") for tensor in tensors]
    notes, warning = _lost(names, tables, set(common), numbered) if all(with_ids) else ([], "")
    if warning:
        warnings.warn(warning, JoinWarning, stacklevel=caller_level())
    return Joined(names, arrays, common, [len(t) for t in tensors], dtypes, [*notes, *counting], warning)


def check_counting(ids: Mapping[str, Collection[str]], numbered: Collection[str] = ()) -> list[str]:
    """Check that ids do not count from 0 in one place and from 1 in another, where each row would meet its neighbour.

    Args:
        ids: name of the samples -> their ids.
        numbered: the names whose ids are row numbers from 0, some of which may be missing.

    Returns:
        Lines on ids that start at 0 and at 1 where the numbers of samples differ, which may be right or wrong.

    Raises:
        ValueError: ids are 0 to n - 1 in one place, and 1 to n in another.

    Example:
        >>> check_counting({"a": ["0", "1", "2"], "b": ["1", "2"]})
        ['the ids of b start at 1 and those of a at 0: check that they count alike']
    """
    sets = {name: each if isinstance(each, Set) else set(each) for name, each in ids.items()}
    spans = {name: span for name, each in sets.items() if (span := _span(each)) is not None}
    notes = []
    for name, (start, end) in spans.items():
        if start != 1 or name in numbered:
            continue
        for other, (other_start, other_end) in spans.items():
            if not (other in numbered or other_start == 0):
                continue
            whole = len(sets[name]) == end and (other in numbered or len(sets[other]) == other_end + 1)
            if whole and end == other_end + 1:
                raise InputError(
                    f"the ids of {name} count from 1 to {end}, and those of {other} count rows from 0: every row would "
                    "be joined to its neighbour; give both the same ids"
                )
            notes.append(f"the ids of {name} start at 1 and those of {other} at 0: check that they count alike")
    return notes


def _span(ids: Collection[str]) -> tuple[int, int] | None:
    """Return the smallest and the largest id if all are integers as they are counted, else None."""
    if not ids or not all(i.isascii() and i.isdecimal() and (i == "0" or i[0] != "0") for i in ids):
        return None
    numbers = [int(i) for i in ids]
    return min(numbers), max(numbers)


def _lost(
    names: Sequence[str], tables: Sequence[Mapping[str, int]], common: set[str], numbered: Sequence[bool]
) -> tuple[list[str], str]:
    """Return lines about the samples that are not common to all, and a warning if they are most."""
    notes = []
    for name, table in zip(names, tables, strict=True):
        lost = [i for i in table if i not in common]
        if lost:
            some = ", ".join(map(_short, lost[:SHOWN])) + (", ..." if len(lost) > SHOWN else "")
            notes.append(f"{len(lost)} of {len(table)} samples of {name} are not in all others: {some}")
    if any(numbered) and not all(numbered):
        made = ", ".join(name for name, each in zip(names, numbered, strict=True) if each)
        notes.append(f"the ids of {made} are row numbers from 0, and were joined to ids of the others as they are")
    smallest = min(len(table) for table in tables)
    if 2 * len(common) >= smallest:
        return notes, ""
    return notes, (
        f"only {len(common)} samples are common to all {len(names)} representations, less than half of the {smallest} "
        "of the smallest one: check that the ids match"
    )


def _positions(name: str, ids: Sequence[str]) -> dict[str, int]:
    table = {str(i): row for row, i in enumerate(ids)}
    if len(table) < len(ids):
        seen: set[str] = set()
        twice = next(str(i) for i in ids if str(i) in seen or seen.add(str(i)))  # type: ignore[func-returns-value]
        raise InputError(f"{name}: the id {_short(twice)!r} is duplicated; each sample needs a unique id")
    return table


def _matrix(name: str, tensor: Any) -> Any:
    """Return what `matrix` does, but an array of NumPy as it is where it needs no copy, whatever its address."""
    numpy = jax.default_backend() == "cpu" and isinstance(tensor, np.ndarray) and tensor.ndim == 2
    if numpy and tensor.shape[1] and tensor.dtype == np.float32 and tensor.dtype.isnative and tensor.flags.c_contiguous:
        return np.asarray(tensor)  # of a subclass, such as a file that is mapped into memory
    return matrix(tensor, name)


def _finite(name: str, array: Any, ids: Sequence[str]) -> Any:
    # NumPy on a CPU, where JAX would compile a program for every width.
    if jax.default_backend() == "cpu":
        rows = np.asarray(array)
        finite = np.concatenate([np.isfinite(rows[at : at + CHECKED]).all(1) for at in range(0, len(rows), CHECKED)])
    else:
        finite = np.asarray(jnp.isfinite(array).all(1))
    bad = np.flatnonzero(~finite)
    if len(bad):
        some = ", ".join(_short(ids[row]) for row in bad[:5]) + (", ..." if len(bad) > 5 else "")
        wide = "" if array.dtype == jnp.float64 else "; values beyond float32 count as infinite unless JAX_ENABLE_X64=1"
        raise InputError(
            f"{name}: {len(bad)} of {len(array)} rows contain NaN or infinite numbers: {some}; remove them{wide}"
        )
    return array


def _too_few(names: Sequence[str], tables: Sequence[Mapping[str, int]], common: int) -> str:
    if len(names) == 1:
        return f"{names[0]} has {common} samples, and at least 4 are needed"
    examples = "; ".join(
        f"{name}: {', '.join(repr(_short(i)) for i in list(table)[:SHOWN]) or 'none'}"
        for name, table in list(zip(names, tables, strict=True))[:4]
    )
    return (
        f"{common} sample{'s are' if common != 1 else ' is'} common to all {len(names)} representations, and at least "
        f"4 are needed; do the ids match? (first ids of {examples})"
    )


def _short(text: str) -> str:
    """Return an id for a message: printable, and at most 40 characters."""
    return "".join(c if c.isprintable() else "\ufffd" for c in (text if len(text) <= 40 else text[:39] + "…"))
