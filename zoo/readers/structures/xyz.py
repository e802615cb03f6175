"""Reader of structures in .xyz and .extxyz files, with ASE, frame by frame."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

from ...base import MAX_REASON, InputError, shorten
from ..files import Options, Row, Wanted, chosen
from .atoms import atoms_row, need_ase
from .elements import atomic_number
from .xyz_comments import LAMMPS, charge_of_pair, length_unit, properties
from .xyz_frames import Frame, frames

# The properties of a molecule in the comment line of GDB-9 (Ramakrishnan et al. 2014, doi 10.1038/sdata.2014.22).
GDB9 = ("A", "B", "C", "mu", "alpha", "homo", "lumo", "gap", "r2", "zpve", "U0", "U", "H", "G", "Cv")


def count(path: Path) -> int:
    """Return the number of frames in a file."""
    return sum(1 for _ in frames(path))


def read(path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
    """Read the wanted frames; a frame that cannot be read does not affect those that follow.

    Raises:
        ImportError: ase is not installed.
        ValueError: not an .xyz file.
    """
    need_ase(path)
    for i, frame in chosen(frames(path), wanted):
        where = f"line {frame.line}"
        remarks: dict[str, str] = {} if frame.has_comment else {"it has no comment line": ""}
        try:
            if frame.problem:
                raise InputError(frame.problem)
            atoms = _atoms(frame, remarks)
            id_, facts = _gdb9(frame, options, remarks) if frame.is_gdb9 else ("", atoms.info)
        except ValueError as error:
            yield Row(i, where, problem=str(error))
        else:
            yield atoms_row(i, where, atoms, facts, options, id_=id_, remarks=remarks)


def _atoms(frame: Frame, remarks: dict[str, str]) -> Any:
    from ase.io import read as read_atoms

    comment = "" if frame.is_gdb9 else frame.comment
    if LAMMPS.match(comment) and any(line.split()[0].isdigit() for line in frame.atoms):
        raise InputError(
            "it is a dump of LAMMPS with types in place of elements: write them with dump_modify ID element NAMES"
        )
    info: dict[str, Any] = {}
    unit, factor = "", 1.0
    extended = re.search("(?i)(lattice|properties) *=", comment) is not None
    # The comment of a plain file is free text, which may look like properties that ASE cannot read.
    for text in [comment] if extended else [comment, ""]:
        try:
            info = properties(text, remarks)
            unit, factor = length_unit(text, info)
            if "Lattice" not in info and "Properties" not in info:
                info.pop("pbc", None)
            column = _species_column(info.get("Properties"), frame)
            lines = [_with_symbol(line, column, remarks) for line in frame.atoms]
            whole = "\n".join([str(len(lines)), text, *lines, *frame.vectors, ""])
            atoms: Any = read_atoms(
                io.StringIO(whole), index=0, format="extxyz", properties_parser=lambda _, info=info: info
            )
        except InputError:
            raise
        # A broken frame raises value, key or index errors, or XYZError.
        except Exception as error:
            failure = error
        else:
            if factor != 1.0:
                atoms.set_cell(atoms.cell.array * factor)
                atoms.positions *= factor
                remarks[f"lengths converted from {shorten(unit)} to Angstrom"] = ""
            atoms.info |= charge_of_pair(comment, atoms, remarks)
            return atoms
    raise InputError(f"not readable: {shorten(failure, MAX_REASON) or type(failure).__name__}") from failure


def _species_column(properties: Any, frame: Frame) -> int | None:
    """Return the number of the column with the elements, or None if there are only atomic numbers.

    Raises:
        ValueError: more columns are stated than there are.
    """
    if not isinstance(properties, str):
        return 0
    names, widths = properties.split(":")[::3], properties.split(":")[2::3]
    starts = [0, *accumulate(int(width) if width.isascii() and width.isdigit() else 0 for width in widths)]
    present = min((len(line.split()) for line in frame.atoms), default=0)
    if starts[-1] > present:  # ASE would make room for all of them
        raise InputError(f"its Properties state {shorten(starts[-1])} columns, but the atoms have {present}")
    return starts[names.index("species")] if "species" in names else None


def _with_symbol(line: str, column: int | None, remarks: dict[str, str]) -> str:
    """Return the line of an atom with the symbol of its element, and with exponents as Python writes them."""
    from ase.data import chemical_symbols

    fields = line.split()
    if "*^" in line or "D" in line or "d" in line:
        fields = [f if i == column else _EXPONENT.sub(r"\1e\2", f) for i, f in enumerate(fields)]
    if column is not None and column < len(fields):
        label = fields[column]
        number = 0 if label.casefold() == "x" else atomic_number(label) or atomic_number(label.rstrip("0123456789"))
        if number is None:
            raise InputError(f"{shorten(label)!r} is no element")
        if label.casefold() in ("d", "t"):
            remarks["deuterium and tritium are read as hydrogen"] = ""
        fields[column] = chemical_symbols[number]
    return " ".join(fields)


_EXPONENT = re.compile(r"([0-9.])(?:\*\^|[Dd])([-+]?[0-9])")


def _gdb9(frame: Frame, options: Options, remarks: dict[str, str]) -> tuple[str, dict[str, Any]]:
    """Return the id of a molecule of GDB-9 and its properties, in the units of the file, with the electronic energy."""
    words = frame.comment.split()
    values = [float(_EXPONENT.sub(r"\1e\2", word)) for word in words[2:]]
    facts: dict[str, Any] = dict(zip(GDB9, values, strict=False))
    facts |= {f"{name}_unit": "hartree" for name in ("homo", "lumo", "gap", "zpve", "U0", "U", "H", "G")}
    facts |= {"energy": facts["U0"] - facts["zpve"], "energy_unit": "hartree", "smiles": frame.smiles}
    if options.energy_key in ("", "energy"):
        remarks["energy is U0 - zpve, that of the electrons and nuclei at rest"] = ""
    return f"{words[0]} {words[1]}", facts
