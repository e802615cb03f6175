"""Reader of molecules in .mol2 files, with RDKit."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from .._errors import InputError
from ._compressed import open_text
from ._rdkit_errors import attempt
from ._row import NUMBERS, Options, Row, Wanted, chosen, need_rdkit, no_columns
from .sdf import UNREADABLE
from .sdf import _molecule as molecule_row

START = "@<TRIPOS>MOLECULE"


def count(path: Path) -> int:
    """Return the number of molecules in a file."""
    return sum(1 for _ in _records(path))


def read(path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
    """Read the wanted molecules: SMILES, and atoms if all atoms have 3D coordinates; the name is the id.

    Raises:
        ImportError: RDKit is not installed.
        ValueError: unreadable file.
    """
    need_rdkit(path)
    no_columns(path, options)
    for i, (line, text) in chosen(_records(path), wanted):
        name = [*text.splitlines(), ""][1].strip()
        id_ = "" if options.id_column == NUMBERS or name in ("", "*****") else name
        where = f"line {line}"
        mol, reason = attempt(partial(_parse, text))
        try:
            if mol is None:
                raise InputError(f"{UNREADABLE}{f': {reason}' if reason else ''}; it reads the atom types of Corina")
            yield molecule_row(Row(i, where, id_), mol, {}, options)
        except ValueError as error:
            yield Row(i, where, id_, problem=str(error))


def _parse(text: str) -> Any:
    from rdkit import Chem

    return Chem.MolFromMol2Block(text, removeHs=False)


def _records(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the first line number and the text of each molecule."""
    start = 0
    lines: list[str] = []
    with open_text(path, errors="replace") as stream:
        for number, line in enumerate(stream, 1):
            if line.startswith(START):
                if start:
                    yield start, "".join(lines)
                start, lines = number, []
            if start:
                lines.append(line)
    if not start:
        raise InputError(f"{path} is not a .mol2 file: it has no line {START}")
    yield start, "".join(lines)
