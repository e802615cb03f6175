"""Checks of atoms that potentials share, each of which returns why the atoms are not supported, and bare copies."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ase import Atoms


def unknown_element(atoms: Any, known: Container[int] | Container[str]) -> str | None:
    """Reject elements that the model was not trained for; ``known`` contains atomic numbers or symbols."""
    elements: Any = known
    pairs = sorted(set(zip(atoms.numbers.tolist(), atoms.get_chemical_symbols(), strict=True)))
    unknown = [symbol for number, symbol in pairs if number not in elements and symbol not in elements]
    return f"not trained for {', '.join(unknown)}" if unknown else None


def charged(atoms: Any) -> str | None:
    """Reject a declared charge."""
    charge = atoms.info.get("charge", 0)
    return f"charge {charge}; the model takes only neutral structures" if charge != 0 else None


def partly_periodic(atoms: Any) -> str | None:
    """Reject slabs and wires."""
    partly = atoms.pbc.any() and not atoms.pbc.all()
    return "periodic along some directions only; the model takes molecules or crystals" if partly else None


def lone_atom(atoms: Any) -> str | None:
    """Reject a single isolated atom, for models that cannot run, or are not run, without neighbours."""
    return "a single atom, which has no neighbours" if len(atoms) == 1 and not atoms.pbc.any() else None


def neutral_only(atoms: Any, known: Container[int] | Container[str]) -> str | None:
    """Reject unknown elements and declared charges."""
    return unknown_element(atoms, known) or charged(atoms)


def neutral_molecule_only(atoms: Any, known: Container[int] | Container[str]) -> str | None:
    """Reject anything but neutral, isolated molecules of known elements."""
    periodic = "periodic; the model is for isolated molecules" if atoms.pbc.any() else None
    return unknown_element(atoms, known) or periodic or charged(atoms)


def crystal_only(atoms: Any, known: Container[int] | Container[str]) -> str | None:
    """Reject anything but crystals of known elements."""
    if not atoms.pbc.all():
        return "not periodic in all directions; the model is for crystals"
    return unknown_element(atoms, known)


def bare_atoms(atoms: Any, *, wrap: bool = False) -> Atoms:
    """Copy elements, positions, cell and periodicity, with isolated structures centred at the origin.

    Libraries read keys of ``info`` and other arrays, so these are not copied. They also convert positions to float32,
    which is most precise near the origin.

    Args:
        atoms: ASE atoms, which are not changed.
        wrap: move the atoms of periodic structures into the cell.
    """
    from ase import Atoms

    bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    if not atoms.pbc.any():
        bare.positions -= bare.positions.mean(0)
    elif wrap:
        bare.wrap()
    return bare
