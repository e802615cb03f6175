"""Reader of dumps of LAMMPS in text, .lammpstrj and .dump, with ASE, frame by frame."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .._errors import InputError
from .._text import MAX_REASON, shorten
from ._atoms import atoms_row, need_ase
from ._compressed import open_text
from ._row import Options, Row, Wanted, chosen

START = "ITEM: TIMESTEP"


def count(path: Path) -> int:
    """Return the number of frames in a file."""
    return sum(1 for _ in _frames(path))


def read(path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
    """Read the wanted frames, in the units ``metal`` or ``real``, in which lengths are in Angstrom.

    Raises:
        ImportError: ase is not installed.
        ValueError: not a dump in text.
    """
    need_ase(path)
    for i, (line, text) in chosen(_frames(path), wanted):
        where = f"line {line}"
        try:
            atoms = _atoms(text)
        except ValueError as error:
            yield Row(i, where, problem=str(error))
        else:
            yield atoms_row(i, where, atoms, atoms.info, options)


def _frames(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the first line number and the text of each frame."""
    start = 0
    lines: list[str] = []
    with open_text(path, errors="replace") as stream:
        for number, line in enumerate(stream, 1):
            if line.startswith(START):
                if start:
                    yield start, "".join(lines)
                start, lines = number, []
            elif not start and line.strip() and not line.startswith("ITEM:"):
                raise InputError(f"{path} is not a dump of LAMMPS: line {number} must be {START!r}")
            lines.append(line)
    if not start:
        raise InputError(f"{path} is not a dump of LAMMPS: it has no line {START!r}")
    yield start, "".join(lines)


def _atoms(text: str) -> Any:
    from ase.io import read as read_atoms

    lines = text.rstrip().splitlines()
    heads = {line.split(":", 1)[1].strip(): i for i, line in enumerate(lines) if line.startswith("ITEM:")}
    columns = next((name.split()[1:] for name in heads if name.startswith("ATOMS")), None)
    if columns is None or "NUMBER OF ATOMS" not in heads:
        raise InputError("the frame is not complete")
    if "element" not in columns and "mass" not in columns:
        raise InputError("its atoms have types but no elements: write the column with dump_modify ID element NAMES")
    stated = lines[heads["NUMBER OF ATOMS"] + 1].strip()
    present = len(lines) - 1 - next(i for name, i in heads.items() if name.startswith("ATOMS"))
    if stated != str(present):
        raise InputError(f"it states {shorten(stated)} atoms, but has {present} lines of atoms")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            atoms: Any = read_atoms(io.StringIO(text), index=0, format="lammps-dump-text")
    # Wrong columns raise value, key and index errors.
    except Exception as error:
        raise InputError(f"not readable: {shorten(error, MAX_REASON) or type(error).__name__}") from error
    # ASE adds an energy of zero to forces.
    atoms.calc = None
    return atoms
