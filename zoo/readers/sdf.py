"""Reader of molecules in .sdf files, with RDKit."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from .._errors import InputError
from .._text import shorten_names
from ._row import NUMBERS, Options, Row, Wanted, chosen, need_rdkit, numbers

END = b"$$$$"


def count(path: Path) -> int:
    """Return the number of molecules in a file."""
    return sum(1 for _ in _records(path))


def read(path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
    """Read the wanted molecules: SMILES, and atoms if all atoms have 3D coordinates.

    The title is the id unless a property is selected; a charge is stored in ``info`` of the atoms.

    Raises:
        ImportError: RDKit is not installed.
        ValueError: unreadable file.
    """
    need_rdkit(path)
    for i, text in chosen(_records(path), wanted):
        yield _row(i, text, options)


def _row(index: int, text: str, options: Options) -> Row:
    from rdkit import Chem
    from rdkit.rdBase import BlockLogs

    where = f"record {index + 1}"
    supplier = Chem.SDMolSupplier()
    with BlockLogs():
        supplier.SetData(text, removeHs=False)
        mol = next(iter(supplier), None)
    id_ = "" if options.id_column else text.split("\n", 1)[0].strip()
    if mol is None:
        return Row(index, where, id_, problem="RDKit cannot read the molecule")
    try:
        if not mol.GetNumAtoms():
            raise InputError("it has no atoms")
        facts = mol.GetPropsAsDict()
        if options.id_column not in ("", NUMBERS):
            id_ = str(facts.get(options.id_column, "")).strip()
            if not id_:
                raise InputError(
                    f"it has no property {options.id_column!r} to use as its id; it has: {shorten_names(facts)}"
                )
        views = {"smiles": Chem.MolToSmiles(Chem.RemoveHs(mol))}
        atoms = _atoms(mol)
        if atoms is not None:
            views["atoms"] = atoms
        return Row(index, where, id_, views, numbers(facts, options.labels))
    except ValueError as error:
        return Row(index, where, id_, problem=str(error))


def _atoms(mol: Any) -> Any:
    """Return ASE atoms; return None if hydrogens have no coordinates, or if the coordinates are a 2D drawing."""
    from rdkit import Chem

    try:
        from ase import Atoms
    except ImportError:
        return None
    if not mol.GetNumConformers() or not mol.GetConformer().Is3D() or Chem.AddHs(mol).GetNumAtoms() > mol.GetNumAtoms():
        return None
    positions = mol.GetConformer().GetPositions()
    if not np.isfinite(positions).all():
        raise InputError("the coordinates are not finite")
    charge = Chem.GetFormalCharge(mol)
    return Atoms([a.GetAtomicNum() for a in mol.GetAtoms()], positions, info={"charge": charge} if charge else {})


def _records(path: Path) -> Iterator[str]:
    packed = path.suffix.lower() == ".gz"
    stream: IO[bytes]
    try:
        with gzip.open(path) if packed else path.open("rb") as stream:  # type: ignore[assignment]
            lines: list[bytes] = []
            for line in stream:
                lines.append(line)
                if line.startswith(END):
                    yield b"".join(lines).decode("utf-8", "replace")
                    lines = []
            if b"".join(lines).strip():
                yield b"".join(lines).decode("utf-8", "replace")
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(f"{path} is not readable: {error}") from error
