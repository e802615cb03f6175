"""Reader of molecules in .mol2 files, with RDKit."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ...base import InputError, shorten
from ..files import NUMBERS, Options, Row, Wanted, chosen, need_rdkit, no_columns, open_text
from .rdkit_errors import attempt
from .sdf import UNREADABLE, molecule_row

START = "@<TRIPOS>MOLECULE"
ROUNDING = 0.05  # of a total charge; the charges of a hundred atoms with three digits add up to within this
# Elements of which RDKit knows the charge of an ion, or that there is none, by their group.
IONS = frozenset((3, 11, 19, 37, 55, 12, 20, 38, 56, 13, 9, 17, 35, 53, 2, 10, 18, 36, 54))


def count(path: Path) -> int:
    """Return the number of molecules in a file."""
    return sum(1 for _ in _records(path))


def read(path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
    """Read the wanted molecules: SMILES, and atoms if all atoms have 3D coordinates; the name is the id.

    Formal charges follow from atom types and bonds, those of single atoms from the column of charges. If that adds up
    to another integer than the formal charges, the molecule is skipped.

    Raises:
        ImportError: RDKit is not installed.
        ValueError: unreadable file.
    """
    need_rdkit(path)
    no_columns(path, options)
    for i, (line, text) in chosen(_records(path), wanted):
        name = [*text.splitlines(), ""][1].strip()
        id_ = "" if options.id_column == NUMBERS or not name.strip("*") else name
        where = f"line {line}"
        mol, reason = attempt(partial(_parse, text))
        try:
            if mol is None:
                raise InputError(f"{UNREADABLE}{f': {reason}' if reason else ''}; it reads the atom types of Corina")
            _set_charges(mol, charges := _charges(text, mol))
            _check_charge(mol, charges)
            yield molecule_row(Row(i, where, id_), mol, {}, options)
        except ValueError as error:
            yield Row(i, where, id_, problem=str(error))


def _parse(text: str) -> Any:
    from rdkit import Chem

    lines = text.splitlines()
    counts = lines[2].split()[:2] if len(lines) > 2 else []
    # RDKit makes room for as many atoms and bonds as are stated, and takes a negative number for a large one.
    if not all(word.isascii() and word.isdecimal() and int(word[:9]) <= len(lines) for word in counts):
        raise ValueError(f"it states {shorten(' and '.join(counts))} atoms and bonds, but has {len(lines)} lines")
    return Chem.MolFromMol2Block(text, removeHs=False)


def _charges(text: str, mol: Any) -> list[float]:
    """Return the column of charges; empty if the molecule has none, or zeros only."""
    if [*text.splitlines(), *[""] * 5][4].strip().upper() == "NO_CHARGES":
        return []
    name = "_TriposPartialCharge"
    charges = [float(atom.GetProp(name)) if atom.HasProp(name) else 0.0 for atom in mol.GetAtoms()]
    return charges if any(charges) else []


def _set_charges(mol: Any, charges: list[float]) -> None:
    """Set the charges of atoms without bonds, for which RDKit invents some."""
    for atom in mol.GetAtoms():
        if atom.GetDegree() or atom.GetTotalNumHs():
            continue
        charge = charges[atom.GetIdx()] if charges else None
        if charge is not None and abs(charge - round(charge)) <= ROUNDING:
            atom.SetFormalCharge(round(charge))
        elif atom.GetAtomicNum() not in IONS:
            raise InputError(
                f"the charge of the atom {atom.GetIdx() + 1} ({atom.GetSymbol()}), without bonds, is unknown"
            )
        atom.SetNumRadicalElectrons(0)


def _check_charge(mol: Any, charges: list[float]) -> None:
    formal, total = sum(atom.GetFormalCharge() for atom in mol.GetAtoms()), sum(charges)
    if charges and abs(total - round(total)) <= ROUNDING and round(total) != formal:
        raise InputError(
            f"its charges add up to {total:+.2f}, but its atom types and bonds to {formal:+d}: correct them, or write "
            "NO_CHARGES as the type of the charges"
        )


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
