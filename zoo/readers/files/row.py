"""Options and rows of the readers, and helpers that they share."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ...base import InputError, MissingPackageError, install_command

T = TypeVar("T")
# Numbers of the samples to read, from 0; None for all. A range or a set, in which look-up is fast.
Wanted = Collection[int] | None
# Used in place of an id column: number the samples.
NUMBERS = "#"


@dataclass(frozen=True)
class Options:
    """User options for reading a file.

    Args:
        column: column of a table with the samples; if empty, it is found by its name.
        view: content of that column: ``smiles``, ``selfies`` or ``sequence``; if empty, inferred from its name.
        id_column: column, property or key with the ids; ``#`` numbers the samples, empty uses the format's default.
        labels: numeric columns, properties or keys that become labels.
        canonical: convert SMILES to RDKit's canonical form.
        energy_key: property of a structure that contains its energy; if empty, the usual names are tried.
        protein_atoms: read all atoms of proteins as well.
    """

    column: str = ""
    view: str = ""
    id_column: str = ""
    labels: Sequence[str] = ()
    canonical: bool = True
    energy_key: str = ""
    protein_atoms: bool = False


@dataclass(frozen=True)
class Row:
    """A sample of a file, or the reason why it cannot be read.

    Args:
        index: number in the file, from 0.
        where: location in the file, for messages, such as ``line 3``.
        id: id in the file; empty if it has none.
        views: view -> value, as in `hyle.zoo.Sample`.
        labels: name -> number.
        problem: why this is not a valid sample; empty if it is.
        column: table column from which the view was read.
        remarks: what was changed or is missing, as general statement -> detail of this sample, or "" if there is none;
            equal statements of several samples are reported once, such as ``energy taken from REF_energy``.
    """

    index: int
    where: str
    id: str = ""
    views: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, float] = field(default_factory=dict)
    problem: str = ""
    column: str = ""
    remarks: Mapping[str, str] = field(default_factory=dict)


def chosen(items: Iterable[T], wanted: Wanted) -> Iterator[tuple[int, T]]:
    """Yield the wanted items with their numbers, from 0, and stop after the last one."""
    last = None if wanted is None else max(wanted, default=-1)
    if last == -1:
        return
    for i, item in enumerate(items):
        if wanted is None or i in wanted:
            yield i, item
        if i == last:
            return


def indices(total: int, wanted: Wanted) -> Sequence[int]:
    """Return the wanted numbers below the total, in ascending order."""
    return range(total) if wanted is None else sorted(i for i in wanted if i < total)


def number(text: Any, name: str) -> float | None:
    """Parse a label; return None if the cell is empty or NaN.

    Raises:
        ValueError: not a number, or infinite.
    """
    if text is None or not str(text).strip():
        return None
    try:
        value = float(text)
    except (TypeError, ValueError):
        raise InputError(f"the label {name} is {str(text)[:40]!r}, which is not a number") from None
    if math.isinf(value):
        raise InputError(f"the label {name} is infinite")
    return None if math.isnan(value) else value


def numbers(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, float]:
    """Return the labels of a sample, without those that have no value."""
    labels = {name: number(values.get(name), name) for name in names}
    return {name: value for name, value in labels.items() if value is not None}


def no_columns(path: Path, options: Options) -> None:
    """Raise InputError if labels or an id column are requested for a format that has only names."""
    if options.labels or options.id_column not in ("", NUMBERS):
        raise InputError(
            f"{path} has neither labels nor id columns: drop these options, or use '#' to number the samples"
        )


def need_rdkit(path: Path) -> None:
    """Raise MissingPackageError if RDKit is not installed."""
    try:
        import rdkit  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(f"{path}: reading molecules needs RDKit: {install_command('rdkit')}") from error
