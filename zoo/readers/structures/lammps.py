"""Reader of dumps of LAMMPS in text, .lammpstrj and .dump, with ASE, frame by frame."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...base import MAX_REASON, InputError, shorten
from ..files import Options, Row, Wanted, chosen, open_text
from .atoms import atoms_row, need_ase
from .elements import ISOTOPES, atomic_number

START = "ITEM: TIMESTEP"
NAMES = "write the column with dump_modify ID element NAMES"
UNITS = ("metal", "real")  # of LAMMPS, with lengths in Angstrom
MASS = 0.1  # u; largest difference of a mass from the standard one of its element
UNITED = (13.019, 14.027, 15.035, 16.043)  # u, of CH, CH2, CH3 and CH4 as one particle


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
        remarks: dict[str, str] = {}
        try:
            atoms = _atoms(text, remarks)
        except ValueError as error:
            yield Row(i, where, problem=str(error))
        else:
            yield atoms_row(i, where, atoms, atoms.info, options, remarks=remarks)


def _frames(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the first line number and the text of each frame."""
    start = 0
    lines: list[str] = []
    head = ""  # of lines that come before a time step
    with open_text(path, errors="replace") as stream:
        for number, line in enumerate(stream, 1):
            if head:
                if head == "UNITS" and line.strip() not in UNITS:
                    raise InputError(
                        f"{path}: its units are {shorten(line.strip())!r}, but only {' and '.join(UNITS)} are read"
                    )
                head = ""
                continue
            if line.startswith(("ITEM: UNITS", "ITEM: TIME")) and not line.startswith(START):
                head = line.split()[1]
                continue
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


def _atoms(text: str, remarks: dict[str, str]) -> Any:
    from ase.io import read as read_atoms

    lines = text.rstrip().splitlines()
    heads = {line.split(":", 1)[1].strip(): i for i, line in enumerate(lines) if line.startswith("ITEM:")}
    columns = next((name.split()[1:] for name in heads if name.startswith("ATOMS")), None)
    if columns is None or "NUMBER OF ATOMS" not in heads:
        raise InputError("the frame is not complete")
    if "element" not in columns and "mass" not in columns:
        raise InputError(f"its atoms have types but no elements: {NAMES}")
    stated = lines[heads["NUMBER OF ATOMS"] + 1].strip()
    present = len(lines) - 1 - next(i for name, i in heads.items() if name.startswith("ATOMS"))
    if stated != str(present):
        raise InputError(f"it states {shorten(stated)} atoms, but has {present} lines of atoms")
    lines = _with_symbols(lines, len(lines) - present, columns, remarks)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            atoms: Any = read_atoms(io.StringIO("\n".join([*lines, ""])), index=0, format="lammps-dump-text")
    # Wrong columns raise value, key and index errors.
    except Exception as error:
        raise InputError(f"not readable: {shorten(error, MAX_REASON) or type(error).__name__}") from error
    # ASE adds an energy of zero to forces.
    atoms.calc = None
    return atoms


def _with_symbols(lines: list[str], first: int, columns: list[str], remarks: dict[str, str]) -> list[str]:
    """Return the lines of a frame with symbols in its column of elements, or check the masses from which ASE has them.

    Args:
        lines: lines of the frame.
        first: number of the first line of an atom.
        columns: names of the columns.
        remarks: receives that elements are from masses, or that isotopes are read as hydrogen.

    Raises:
        ValueError: an entry is no element, or a mass is that of no element.
    """
    from ase.data import atomic_masses, chemical_symbols

    name = "element" if "element" in columns else "mass"
    column = columns.index(name)
    rows = [line.split() for line in lines[first:]]
    if any(len(row) <= column for row in rows):
        raise InputError("a line of an atom has too few columns")
    units_lj = name == "mass" and len(rows) > 1 and {row[column] for row in rows} <= {"1", "1.0"}
    for row in rows:
        entry = row[column]
        if name == "mass":
            try:
                mass = float(entry)
            except ValueError:
                raise InputError(f"the mass {shorten(entry)!r} is not a number") from None
            united = np.abs(np.array(UNITED) - mass).min() < 0.003
            if united or units_lj or not np.abs(atomic_masses[1:] - mass).min() <= MASS:
                raise InputError(f"its mass {shorten(entry)} is that of no element: {NAMES}")
            continue
        number = atomic_number(entry) or atomic_number(entry.rstrip("0123456789+-")) if not entry.isdigit() else None
        if number is None:
            raise InputError(f"{shorten(entry)!r} is no element: {NAMES}")
        if entry.upper() in ISOTOPES:
            remarks["deuterium and tritium are read as hydrogen"] = ""
        row[column] = chemical_symbols[number]
    if name == "mass":
        remarks["elements taken from the masses of the atoms"] = ""
    return [*lines[:first], *map(" ".join, rows)]
