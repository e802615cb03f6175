"""Reader of small molecules and crystals in .pdb files without amino acids or nucleotides, with gemmi."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .._errors import InputError, MissingPackageError
from .._text import MAX_REASON, shorten
from ._atoms import atoms_row, need_ase
from ._compressed import read_text
from ._row import Options, Row, Wanted, indices

RECORDS = (b"ATOM  ", b"HETATM")
BACKBONE = {b"N", b"CA", b"C"}


def is_small(lines: Iterable[bytes]) -> bool:
    """Return whether the lines of a PDB file contain atoms, but no residue of a protein or a nucleic acid.

    A residue of an unknown name is one of a protein if it has atoms called N, CA and C, or only CA.
    """
    import gemmi

    residue, found = b"", False
    names: set[bytes] = set()
    kinds: dict[bytes, bool] = {}
    for line in lines:
        if line[:6] not in RECORDS:
            continue
        found = True
        name = line[17:20].strip()
        if name not in kinds:
            info = gemmi.find_tabulated_residue(name.decode("latin-1"))
            kinds[name] = info.is_amino_acid() or info.is_nucleic_acid()
        if kinds[name]:
            return False
        if line[17:27] != residue:
            if names == {b"CA"}:
                return False
            residue, names = line[17:27], set()
        names.add(line[12:16].strip())
        if names >= BACKBONE:
            return False
    return found


def count(path: Path) -> int:
    """Return the number of models in a file."""
    return len(_structure(path))


def read(path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
    """Read the atoms of the wanted models; the formal charges in the file add up to the charge.

    Raises:
        ImportError: ase or gemmi is not installed.
        ValueError: unreadable file.
    """
    need_ase(path)
    structure = _structure(path)
    for i in indices(len(structure), wanted):
        where = f"model {i + 1}"
        remarks: dict[str, str] = {}
        try:
            atoms, facts = _atoms(structure, structure[i], remarks)
        except ValueError as error:
            yield Row(i, where, problem=str(error))
        else:
            yield atoms_row(i, where, atoms, facts, options, remarks=remarks)


def _structure(path: Path) -> Any:
    try:
        import gemmi
    except ImportError as error:
        raise MissingPackageError(f"{path}: reading structures needs gemmi: pip install 'hyle[zoo]'") from error
    try:
        structure = gemmi.read_pdb_string(read_text(path))
    except InputError:
        raise
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{path} is not readable: {shorten(error, MAX_REASON)}") from error
    if not len(structure):
        raise InputError(f"{path} contains no atoms")
    return structure


def _atoms(structure: Any, model: Any, remarks: dict[str, str]) -> tuple[Any, dict[str, float]]:
    from ase import Atoms
    from ase.cell import Cell

    sites = _sites(model, remarks)
    numbers = [atom.element.atomic_number for atom in sites]
    if not all(numbers):
        unknown = next(atom.name for atom, number in zip(sites, numbers, strict=True) if not number)
        raise InputError(f"the atom {shorten(unknown)!r} has no element")
    positions = np.array([atom.pos.tolist() for atom in sites])
    cell = structure.cell
    facts = {"charge": charge} if (charge := sum(atom.charge for atom in sites)) else {}
    # A cell of one Angstrom is written where there is none.
    if not cell.is_crystal() or max(cell.a, cell.b, cell.c) <= 1:
        if 1 not in numbers and 6 in numbers:
            remarks["the molecule has no hydrogen atoms"] = ""
        return Atoms(numbers, positions), facts
    group = structure.spacegroup_hm.replace(" ", "").upper()
    if group not in ("", "P1"):
        raise InputError(
            f"it contains the asymmetric unit of the space group {shorten(structure.spacegroup_hm)} only: write the "
            "whole cell, or a CIF file"
        )
    return Atoms(numbers, positions, cell=Cell.fromcellpar(cell.parameters), pbc=True), facts


def _sites(model: Any, remarks: dict[str, str]) -> Sequence[Any]:
    """Return the atoms of the first conformation."""
    sites = []
    for chain in model:
        for residue in chain:
            first = next((atom.altloc for atom in residue if atom.altloc != "\0"), "\0")
            for atom in residue:
                if atom.altloc in ("\0", first):
                    sites.append(atom)
                else:
                    remarks["alternate locations other than the first were dropped"] = ""
    return sites
