"""Checks of atoms that potentials share, each of which returns why the atoms are not supported, and bare copies."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ase import Atoms


VACUUM = 15.0  # Angstrom


def unknown_element(atoms: Any, known: Container[int] | Container[str]) -> str | None:
    """Reject elements that the model was not trained for; ``known`` contains atomic numbers or symbols."""
    elements: Any = known
    pairs = sorted(set(zip(atoms.numbers.tolist(), atoms.get_chemical_symbols(), strict=True)))
    unknown = [symbol for number, symbol in pairs if number not in elements and symbol not in elements]
    return f"not trained for {', '.join(unknown)}" if unknown else None


def charge_of(atoms: Any) -> int:
    """Return the total charge, 0 if none is declared; see `hyle.zoo.readers` for how files declare it."""
    return round(float(atoms.info.get("charge") or 0))


def multiplicity_of(atoms: Any) -> int:
    """Return the declared spin multiplicity 2S + 1, or else the lowest that the number of electrons allows."""
    return round(float(atoms.info.get("spin") or 0)) or lowest_multiplicity(atoms)


def lowest_multiplicity(atoms: Any) -> int:
    """Return 1 for an even number of electrons, and 2 for an odd one."""
    return 1 + (int(atoms.numbers.sum()) - charge_of(atoms)) % 2


def ion(atoms: Any) -> str | None:
    """Reject a declared charge."""
    charge = charge_of(atoms)
    return f"charge {charge:+d}; the model takes only neutral structures" if charge else None


def excited(atoms: Any) -> str | None:
    """Reject a declared spin multiplicity that is not the lowest, for models that take none."""
    spin, lowest = multiplicity_of(atoms), lowest_multiplicity(atoms)
    return f"spin multiplicity {spin}; the model takes only the lowest, {lowest}" if spin != lowest else None


def charged(atoms: Any) -> str | None:
    """Reject what a model without input for charge and spin does not know of: ions, and high spin."""
    return ion(atoms) or excited(atoms)


def partly_periodic(atoms: Any) -> str | None:
    """Reject slabs and wires."""
    partly = atoms.pbc.any() and not atoms.pbc.all()
    return "periodic along some directions only; the model takes molecules or crystals" if partly else None


def lone_atom(atoms: Any) -> str | None:
    """Reject a single isolated atom, for models that cannot run, or are not run, without neighbours."""
    return "a single atom, which has no neighbours" if len(atoms) == 1 and not atoms.pbc.any() else None


def neutral_only(atoms: Any, known: Container[int] | Container[str]) -> str | None:
    """Reject unknown elements, ions and high spin."""
    return unknown_element(atoms, known) or charged(atoms)


def molecule_only(atoms: Any, known: Container[int] | Container[str]) -> str | None:
    """Reject anything but isolated molecules of known elements."""
    periodic = "periodic; the model is for isolated molecules" if atoms.pbc.any() else None
    return unknown_element(atoms, known) or periodic


def neutral_molecule_only(atoms: Any, known: Container[int] | Container[str]) -> str | None:
    """Reject anything but neutral, isolated molecules of known elements in their lowest spin state."""
    return molecule_only(atoms, known) or charged(atoms)


def crystal_only(atoms: Any, known: Container[int] | Container[str]) -> str | None:
    """Reject anything but neutral crystals of known elements."""
    if not atoms.pbc.all():
        return "not periodic in all directions; the model is for crystals"
    return neutral_only(atoms, known)


def bare_atoms(atoms: Any, *, wrap: bool = False) -> Atoms:
    """Copy elements, positions, cell and periodicity, with isolated structures centred at the origin.

    Libraries read keys of ``info`` and other arrays, so these are not copied. They also convert positions to float32,
    which is most precise near the origin, and invert the cell: where a slab or wire has no cell vector along a
    direction that is not periodic, the copy has one with `VACUUM` on both sides.

    Args:
        atoms: ASE atoms, which are not changed.
        wrap: move the atoms of periodic structures into the cell.
    """
    from ase import Atoms

    bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    if not atoms.pbc.any():
        bare.positions -= bare.positions.mean(0)
        return bare
    missing = [axis for axis in range(3) if not atoms.cell[axis].any()]
    if missing:
        bare.center(vacuum=VACUUM, axis=missing)
    if wrap:
        bare.wrap()
    return bare
