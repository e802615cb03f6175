"""Reader of small molecules and crystals in .pdb files without amino acids or nucleotides, with gemmi."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...base import MAX_REASON, InputError, MissingPackageError, install_command, shorten
from ..files import Options, Row, Wanted, indices, read_text
from ..structures import atoms_row, need_ase
from .amino_acids import NUCLEOTIDES, SUGAR
from .entries import GEMMI_ERRORS, split_at_end, without_stars

RECORDS = (b"ATOM  ", b"HETATM")
BACKBONE = {b"N", b"CA", b"C"}
ORGANIC = frozenset((1, 5, 6, 7, 8, 9, 14, 15, 16, 17, 35, 53))


def is_small(lines: Iterable[bytes]) -> bool:
    """Return whether the lines of a PDB file contain atoms, but no residue of a protein or a nucleic acid.

    A residue of an unknown name is one of a protein if it has atoms called N, CA and C, or only CA.
    """
    import gemmi

    residue, found = b"", False
    nucleotides, sugar = ({text.encode() for text in texts} for texts in (NUCLEOTIDES, SUGAR))
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
        atom = line[12:16].strip()
        if atom in sugar and name in nucleotides:
            return False
        # Calcium has the name of an alpha carbon, but begins a column earlier.
        calcium = atom == b"CA" and (line[76:78].strip().upper() or line[12:14]) == b"CA"
        names.add(b"Ca" if calcium else atom)
        if names >= BACKBONE:
            return False
    return found


def count(path: Path) -> int:
    """Return the number of structures in a file."""
    return len(_models(path))


def read(path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
    """Read the atoms of the wanted models, or parts that END closes; the formal charges add up to the charge.

    Raises:
        ImportError: ase or gemmi is not installed.
        ValueError: unreadable file.
    """
    need_ase(path)
    models = _models(path)
    for i in indices(len(models), wanted):
        where = f"model {i + 1}"
        remarks: dict[str, str] = {}
        structure, model = models[i]
        try:
            if isinstance(model, str):
                raise InputError(model)
            atoms, facts = _atoms(structure, model, remarks)
        except ValueError as error:
            yield Row(i, where, problem=str(error))
        else:
            yield atoms_row(i, where, atoms, facts, options, remarks=remarks)


def _models(path: Path) -> Sequence[tuple[Any, Any]]:
    """Return each model with its structure; for a part of several that is not readable, the reason."""
    try:
        import gemmi
    except ImportError as error:
        raise MissingPackageError(f"{path}: reading structures needs gemmi: {install_command('gemmi')}") from error
    parts = split_at_end(without_stars(read_text(path)))
    models: list[tuple[Any, Any]] = []
    for part, _ in parts:
        try:
            structure = gemmi.read_pdb_string(part)
            models += [(structure, model) for model in structure]
        except GEMMI_ERRORS as error:
            reason = f"not readable: {shorten(error, MAX_REASON)}"
            if len(parts) == 1:
                raise InputError(f"{path} is {reason}") from error
            models.append((None, reason))
    if not models:
        raise InputError(f"{path} contains no atoms")
    return models


def _atoms(structure: Any, model: Any, remarks: dict[str, str]) -> tuple[Any, dict[str, float]]:
    from ase import Atoms
    from ase.cell import Cell

    sites = _sites(model, remarks)
    numbers = [atom.element.atomic_number for atom in sites]
    if not all(numbers):
        unknown = next(atom.name for atom, number in zip(sites, numbers, strict=True) if not number)
        raise InputError(f"the atom {shorten(unknown)!r} has no element")
    if any(atom.element.name == "D" for atom in sites):
        remarks["deuterium and tritium are read as hydrogen"] = ""
    positions = np.array([atom.pos.tolist() for atom in sites])
    cell = structure.cell
    facts = {"charge": charge} if (charge := sum(atom.charge for atom in sites)) else {}
    # A cell of one Angstrom is written where there is none.
    crystal = cell.is_crystal() and max(cell.a, cell.b, cell.c) > 1
    # Carbon alone, and its compounds with metals, need none.
    if 1 not in numbers and 6 in numbers and (not crystal or (set(numbers) != {6} and ORGANIC.issuperset(numbers))):
        remarks[f"the {'structure' if crystal else 'molecule'} has no hydrogen atoms"] = ""
    # An occupancy of 0 is written where there is none; alternate locations share a place.
    partial = any(0 < atom.occ < 1 and atom.altloc == "\0" for atom in sites)
    if not crystal:
        if partial:
            remarks["partially occupied atoms are read as present"] = ""
        return Atoms(numbers, positions), facts
    group = structure.spacegroup_hm.replace(" ", "").upper()
    if group not in ("", "P1"):
        raise InputError(
            f"it contains the asymmetric unit of the space group {shorten(structure.spacegroup_hm)} only: write the "
            "whole cell, or a CIF file"
        )
    if partial:
        raise InputError("it has partially occupied sites: make an ordered structure first")
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
