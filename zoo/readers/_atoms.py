"""Conversion of ASE atoms to rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._errors import InputError, MissingPackageError
from .._text import shorten_names
from ._row import NUMBERS, Options, Row, number, numbers

if TYPE_CHECKING:
    from ase import Atoms

ENERGY = "energy"


def need_ase(path: Path) -> None:
    """Raise MissingPackageError if ASE is not installed."""
    try:
        import ase  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(f"{path}: reading structures needs ase: pip install 'hyle[zoo]'") from error


def atoms_row(index: int, where: str, atoms: Atoms, facts: Mapping[str, Any], options: Options) -> Row:
    """Check a structure and convert it to a row with its elements, positions, cell, periodicity and charge.

    Args:
        index: number of the structure in the file, from 0.
        where: location in the file, for messages.
        atoms: the structure; its computed energy, in eV, becomes the label ``energy``.
        facts: further properties of the structure in the file.
        options: which properties are the id and the labels.
    """
    id_ = "" if options.id_column in ("", NUMBERS) else str(facts.get(options.id_column, "")).strip()
    try:
        if options.id_column not in ("", NUMBERS) and not id_:
            raise InputError(
                f"it has no {options.id_column!r} to use as its id; it has: {shorten_names(facts) or 'nothing'}"
            )
        _check(atoms)
        energy = number(_energy(atoms, facts), ENERGY)
        labels = ({} if energy is None else {ENERGY: energy}) | numbers(facts, options.labels)
        return Row(index, where, id_, {"atoms": _plain(atoms, facts)}, labels)
    except ValueError as error:
        return Row(index, where, id_, problem=str(error))


def _check(atoms: Atoms) -> None:
    if len(atoms) == 0:
        raise InputError("it has no atoms")
    if not np.isfinite(atoms.positions).all():
        raise InputError("the coordinates are not finite")
    if not np.isfinite(atoms.cell.array).all():
        raise InputError("the cell is not finite")
    if (atoms.numbers < 1).any():
        raise InputError("some atoms have no element (X)")
    if atoms.pbc.all() and not abs(atoms.cell.volume) > 0:
        raise InputError("it is periodic, but its cell has no volume")
    occupancy = atoms.info.get("occupancy")  # of a CIF: site -> element -> fraction
    sites = occupancy.values() if isinstance(occupancy, dict) else ()
    if any(len(site) > 1 or min(site.values(), default=1) < 1 for site in sites):
        raise InputError("it has partially occupied sites: make an ordered structure first")


def _energy(atoms: Atoms, facts: Mapping[str, Any]) -> Any:
    results = getattr(atoms.calc, "results", {})
    return results.get(ENERGY, facts.get(ENERGY))


def _plain(atoms: Atoms, facts: Mapping[str, Any]) -> Atoms:
    from ase import Atoms

    plain = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell.array, pbc=atoms.pbc)
    charge = number(facts.get("charge"), "charge")
    if charge:
        plain.info["charge"] = charge
    return plain
