"""Conversion of ASE atoms to rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from ...base import InputError, MissingPackageError, install_command, shorten_names
from ..files import NUMBERS, Options, Row, numbers
from .charge import charge_and_spin
from .contacts import contact, flat_cell
from .energy import ENERGY, find_energy
from .forces import FORCES, find_forces

if TYPE_CHECKING:
    from ase import Atoms

LARGEST = 1e6  # Angstrom
NO_REMARKS: Mapping[str, str] = MappingProxyType({})


def need_ase(path: Path) -> None:
    """Raise MissingPackageError if ASE is not installed."""
    try:
        import ase  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(f"{path}: reading structures needs ase: {install_command('ase')}") from error


def atoms_row(
    index: int,
    where: str,
    atoms: Atoms,
    facts: Mapping[str, Any],
    options: Options,
    *,
    id_: str = "",
    remarks: Mapping[str, str] = NO_REMARKS,
) -> Row:
    """Check a structure and convert it to a row with its elements, positions, cell, periodicity, charge and spin.

    Args:
        index: number of the structure in the file, from 0.
        where: location in the file, for messages.
        atoms: the structure; its energy, in eV, becomes the label ``energy``, its forces the array ``forces``.
        facts: further properties of the structure in the file.
        options: which properties are the id, the energy and the labels.
        id_: id in the file, used unless the options select another.
        remarks: what the reader changed; see `Row`.
    """
    results = getattr(atoms.calc, "results", {})
    notes = dict(remarks)
    if options.id_column:
        id_ = "" if options.id_column == NUMBERS else str(facts.get(options.id_column, "")).strip()
    try:
        if options.id_column not in ("", NUMBERS) and not id_:
            raise InputError(
                f"it has no {options.id_column!r} to use as its id; it has: {shorten_names(facts) or 'nothing'}"
            )
        _check(atoms)
        energy = find_energy(results, facts, len(atoms), options.energy_key, notes)
        labels = numbers({**results, **facts}, options.labels) | ({} if energy is None else {ENERGY: energy})
        plain = _plain(atoms, facts, notes)
        forces = find_forces(results, atoms.arrays, len(atoms), notes)
        if forces is not None:
            plain.set_array(FORCES, forces)
        return Row(index, where, id_, {"atoms": plain}, labels, remarks=notes)
    except ValueError as error:
        return Row(index, where, id_, problem=str(error))


def _check(atoms: Atoms) -> None:
    if len(atoms) == 0:
        raise InputError("it has no atoms")
    if not np.isfinite(atoms.positions).all():
        raise InputError("the coordinates are not finite")
    if not np.isfinite(atoms.cell.array).all():
        raise InputError("the cell is not finite")
    if max(np.abs(atoms.positions).max(), np.abs(atoms.cell.array).max()) > LARGEST:
        raise InputError(f"a coordinate or cell vector is longer than {LARGEST:g} Angstrom")
    if (atoms.numbers < 1).any():
        raise InputError("some atoms have no element (X)")
    occupancy = atoms.info.get("occupancy")  # of ASE: site -> element -> fraction
    sites = occupancy.values() if isinstance(occupancy, dict) else ()
    if any(len(site) > 1 or min(site.values(), default=1) < 1 for site in sites):
        raise InputError("it has partially occupied sites: make an ordered structure first")
    if problem := flat_cell(atoms) or contact(atoms):
        raise InputError(problem)


def _plain(atoms: Atoms, facts: Mapping[str, Any], remarks: dict[str, str]) -> Atoms:
    from ase import Atoms

    info = charge_and_spin(atoms, facts, remarks)
    return Atoms(atoms.numbers, atoms.positions, cell=atoms.cell.array, pbc=atoms.pbc, info=info)
