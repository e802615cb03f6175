"""What a reader is asked for, and what it hands back."""

from __future__ import annotations

import gzip
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar

from .._errors import InputError, MissingPackageError

T = TypeVar("T")
# The numbers of the samples to read, from 0, where there are any to choose; a range or a set, which are quick to ask.
Wanted = Collection[int] | None
# In place of a column of ids: number the samples.
NUMBERS = "#"


@dataclass(frozen=True)
class Options:
    """What a user says of a file.

    Args:
        column: the column of a table, empty to find it by its name.
        view: what that column holds: ``smiles``, ``selfies`` or ``sequence``; empty to say by its name.
        id_column: the column, property or key with the ids; ``#`` for numbers, empty for what the format has.
        labels: the columns, properties or keys of numbers that become labels.
        canonical: write SMILES anew in RDKit's canonical form.
    """

    column: str = ""
    view: str = ""
    id_column: str = ""
    labels: Sequence[str] = ()
    canonical: bool = True


@dataclass(frozen=True)
class Row:
    """One sample of a file, or why there is none.

    Args:
        index: its number in the file, from 0.
        where: where it stands, for messages, such as ``line 3``.
        id: as the file has it; empty where it has none.
        views: view -> value, as `hyle.zoo.Sample` has them.
        labels: name -> number.
        problem: why it is no sample; empty where it is one.
        column: the column of a table that the view is from.
    """

    index: int
    where: str
    id: str = ""
    views: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, float] = field(default_factory=dict)
    problem: str = ""
    column: str = ""


def chosen(items: Iterable[T], wanted: Wanted) -> Iterator[tuple[int, T]]:
    """Yield the wanted items with their numbers, from 0, and stop behind the last of them."""
    last = None if wanted is None else max(wanted, default=-1)
    if last == -1:
        return
    for i, item in enumerate(items):
        if wanted is None or i in wanted:
            yield i, item
        if i == last:
            return


def indices(total: int, wanted: Wanted) -> Sequence[int]:
    """Return the wanted numbers below the total, in order."""
    return range(total) if wanted is None else sorted(i for i in wanted if i < total)


def open_text(path: Path) -> IO[str]:
    """Open a text file, packed by gzip or not."""
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def number(text: Any, name: str) -> float | None:
    """Return a label, or None where the cell is empty or NaN.

    Raises:
        ValueError: something else than a finite number.
    """
    if text is None or not str(text).strip():
        return None
    try:
        value = float(text)
    except (TypeError, ValueError):
        raise InputError(f"the label {name} is {str(text)[:40]!r}, which is no number") from None
    if math.isinf(value):
        raise InputError(f"the label {name} is infinite")
    return None if math.isnan(value) else value


def numbers(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, float]:
    """Return the labels of one sample; those without a value are left out."""
    found = {name: number(values.get(name), name) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def canonical_smiles(smiles: str) -> str:
    """Return RDKit's canonical form.

    Raises:
        ValueError: RDKit cannot read it, or it has no atoms.
    """
    from rdkit import Chem

    from .._rdkit import UNREADABLE, molecule

    mol = molecule(smiles)
    if mol is None:
        raise InputError(f"{UNREADABLE} {smiles[:60]!r}")
    if not mol.GetNumAtoms():
        raise InputError("the SMILES has no atoms")
    return str(Chem.MolToSmiles(mol))


def no_columns(path: Path, options: Options) -> None:
    """Raise for a format whose samples have a name and nothing else."""
    if options.labels or options.id_column not in ("", NUMBERS):
        raise InputError(f"{path} has neither labels nor a choice of ids: ask for none, or number the samples by '#'")


def need_rdkit(path: Path) -> None:
    """Raise for a file that cannot be read as asked without RDKit."""
    try:
        import rdkit  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(f"{path}: reading molecules needs RDKit: pip install 'hyle[zoo]'") from error
