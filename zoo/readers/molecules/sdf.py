"""Reader of molecules in .sdf files, with RDKit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...base import InputError, shorten_names
from ..files import NUMBERS, Options, Row, Wanted, chosen, need_rdkit, not_empty, numbers, open_binary
from ..structures import charge_and_spin, contact
from .mdl import looks_3d, radical_centres, without_lists
from .rdkit_errors import attempt
from .smiles import MAPS

END = b"$$$$"
UNREADABLE = "RDKit cannot read the molecule"
DRAWING = "no 3D coordinates: read as SMILES only"
HYDROGENS = "hydrogens without coordinates: read as SMILES only"
PLANAR = "planar coordinates without the code 3D are read as 3D, because of the lengths of the bonds"
INFERRED = "unpaired electrons that RDKit infers from valences do not set the spin"
PARALLEL = "the spins of several radical centres are read as parallel"


def count(path: Path) -> int:
    """Return the number of molecules in a file."""
    return sum(1 for _ in not_empty(path, _records(path)))


def read(path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
    """Read the wanted molecules: SMILES, and atoms if all atoms have 3D coordinates.

    The title is the id unless a property is selected. The sum of the formal charges is stored in ``info`` of the atoms,
    and the multiplicity of atoms that are marked as radicals.

    Raises:
        ImportError: RDKit is not installed.
        ValueError: unreadable file.
    """
    need_rdkit(path)
    for i, text in chosen(not_empty(path, _records(path)), wanted):
        yield _row(i, text, options)


def _row(index: int, text: str, options: Options) -> Row:
    where = f"record {index + 1}"
    text = without_lists(text)
    id_ = "" if options.id_column else text.split("\n", 1)[0].strip()
    mol, reason = attempt(lambda: _parse(text))
    # Where the chemistry is not valid, the properties are readable all the same.
    readable = mol or attempt(lambda: _parse(text, sanitize=False))[0]
    try:
        # As text: RDKit's conversion makes 7 of 007, and 100000.0 of 1e5.
        facts = {} if readable is None else {name: readable.GetProp(name) for name in readable.GetPropNames()}
        if options.id_column not in ("", NUMBERS):
            id_ = facts.get(options.id_column, "").strip()
        if mol is None:
            raise InputError(f"{UNREADABLE}{f': {reason}' if reason else ''}")
        return molecule_row(Row(index, where, id_), mol, facts, options, radical_centres(text))
    except ValueError as error:
        return Row(index, where, id_, problem=str(error))


def molecule_row(row: Row, mol: Any, facts: Mapping[str, str], options: Options, centres: Sequence[int] = ()) -> Row:
    """Convert a molecule of RDKit.

    Args:
        row: number, location and id.
        mol: the molecule, with its hydrogens.
        facts: properties in the file.
        options: which properties are the id and the labels.
        centres: unpaired electrons of each atom that the file marks as a radical.

    Raises:
        ValueError: it is not a molecule with these properties.
    """
    from rdkit import Chem
    from rdkit.rdBase import BlockLogs

    if not mol.GetNumAtoms():
        raise InputError("it has no atoms")
    if options.id_column not in ("", NUMBERS) and not row.id:
        raise InputError(f"it has no property {options.id_column!r} to use as its id; it has: {shorten_names(facts)}")
    parts = (*mol.GetAtoms(), *mol.GetBonds())
    if any(part.HasQuery() for part in parts) or any(atom.GetAtomicNum() == 0 for atom in mol.GetAtoms()):
        raise InputError("it has dummy atoms, R groups or atom lists, which are no atoms")
    maps = [atom for atom in mol.GetAtoms() if atom.GetAtomMapNum()]
    for atom in maps:
        atom.SetAtomMapNum(0)
    with BlockLogs():
        views = {"smiles": Chem.MolToSmiles(Chem.RemoveHs(mol))}
    remarks = {MAPS: ""} if maps else {}
    atoms = _atoms(mol, centres, remarks)
    if atoms is not None:
        views["atoms"] = atoms
    return Row(row.index, row.where, row.id, views, numbers(facts, options.labels), remarks=remarks)


def _parse(text: str, sanitize: bool = True) -> Any:
    from rdkit import Chem

    supplier = Chem.SDMolSupplier()
    supplier.SetData(text, removeHs=False, sanitize=sanitize)
    return next(iter(supplier), None)


def _atoms(mol: Any, centres: Sequence[int], remarks: dict[str, str]) -> Any:
    """Return ASE atoms; return None if hydrogens have no coordinates, or if the coordinates are a 2D drawing."""
    from rdkit import Chem

    try:
        from ase import Atoms
    except ImportError:
        return None
    if not mol.GetNumConformers():
        remarks[DRAWING] = ""
        return None
    positions = mol.GetConformer().GetPositions()
    if not np.isfinite(positions).all():
        raise InputError("the coordinates are not finite")
    planar = not mol.GetConformer().Is3D()
    incomplete = Chem.AddHs(mol).GetNumAtoms() > mol.GetNumAtoms()
    if incomplete or (planar and not looks_3d(mol)):
        remarks[DRAWING if planar else HYDROGENS] = ""
        return None
    if planar and len(positions) > 1:
        remarks[PLANAR] = ""
    atoms = Atoms([atom.GetAtomicNum() for atom in mol.GetAtoms()], positions)
    facts = {"charge": Chem.GetFormalCharge(mol)}
    if centres:
        facts["spin"] = sum(centres) + 1
        if len(centres) > 1:
            remarks[PARALLEL] = ""
    elif any(atom.GetNumRadicalElectrons() for atom in mol.GetAtoms()):
        remarks[INFERRED] = ""
    if any(atom.GetAtomicNum() == 1 and atom.GetIsotope() for atom in mol.GetAtoms()):
        remarks["deuterium and tritium are read as hydrogen"] = ""
    atoms.info = charge_and_spin(atoms, facts, remarks)
    if close := contact(atoms):
        raise InputError(close)
    return atoms


def _records(path: Path) -> Iterator[str]:
    with open_binary(path) as stream:
        lines: list[bytes] = []
        for line in stream:
            lines.append(line)
            if line.startswith(END):
                yield b"".join(lines).decode("utf-8", "replace")
                lines = []
        if b"".join(lines).strip():
            yield b"".join(lines).decode("utf-8", "replace")
