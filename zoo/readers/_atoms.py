"""From ASE's atoms to a row."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._errors import InputError, MissingPackageError
from ._row import NUMBERS, Options, Row, number, numbers

if TYPE_CHECKING:
    from ase import Atoms

ENERGY = "energy"


def need_ase(path: Path) -> None:
    """Raise where ASE is not installed."""
    try:
        import ase  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(f"{path}: reading structures needs ase: pip install 'hyle[zoo]'") from error


def atoms_row(index: int, where: str, atoms: Atoms, facts: Mapping[str, Any], options: Options) -> Row:
    """Check one structure and keep elements, positions, cell, periodicity and charge of it.

    Args:
        index: its number in the file.
        where: where it stands.
        atoms: the structure; the energy that was computed for it, in eV, becomes the label ``energy``.
        facts: what the file says of it besides.
        options: which of the facts are the id and the labels.
    """
    id_ = "" if options.id_column in ("", NUMBERS) else str(facts.get(options.id_column, "")).strip()
    try:
        if options.id_column not in ("", NUMBERS) and not id_:
            raise InputError(f"it has no {options.id_column!r} to be its id; it has: {', '.join(facts) or 'nothing'}")
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
        raise InputError("coordinates that are no finite numbers")
    if not np.isfinite(atoms.cell.array).all():
        raise InputError("a cell that is no finite numbers")
    if (atoms.numbers < 1).any():
        raise InputError("atoms of no element (X)")
    if atoms.pbc.all() and not abs(atoms.cell.volume) > 0:
        raise InputError("periodic, but its cell has no volume")
    occupancy = atoms.info.get("occupancy")  # of a CIF: site -> element -> share
    sites = occupancy.values() if isinstance(occupancy, dict) else ()
    if any(len(site) > 1 or min(site.values(), default=1) < 1 for site in sites):
        raise InputError("sites of partial occupancy: make an ordered structure of it first")


def _energy(atoms: Atoms, facts: Mapping[str, Any]) -> Any:
    results = getattr(atoms.calc, "results", {})
    return results.get(ENERGY, facts.get(ENERGY))


def _plain(atoms: Atoms, facts: Mapping[str, Any]) -> Atoms:
    from ase import Atoms as Plain

    plain = Plain(atoms.numbers, atoms.positions, cell=atoms.cell.array, pbc=atoms.pbc)
    charge = number(facts.get("charge"), "charge")
    if charge:
        plain.info["charge"] = charge
    return plain
