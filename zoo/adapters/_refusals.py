"""What potentials refuse: each rule a function of the atoms that says why, or None where they pass it."""

from __future__ import annotations

from collections.abc import Container
from typing import Any


def unknown_element(atoms: Any, known: Container[int] | Container[str]) -> str | None:
    """Refuse elements that the model was not trained for; those it knows are atomic numbers or symbols."""
    elements: Any = known
    pairs = sorted(set(zip(atoms.numbers.tolist(), atoms.get_chemical_symbols(), strict=True)))
    others = [symbol for number, symbol in pairs if number not in elements and symbol not in elements]
    return f"not trained for {', '.join(others)}" if others else None


def charged(atoms: Any) -> str | None:
    """Refuse a declared charge."""
    charge = atoms.info.get("charge", 0)
    return f"charge {charge}; only neutral matter is embedded" if charge != 0 else None


def partly_periodic(atoms: Any) -> str | None:
    """Refuse slabs and wires."""
    partly = atoms.pbc.any() and not atoms.pbc.all()
    return "periodic along some directions only; the model takes isolated matter or crystals" if partly else None


def lone_atom(atoms: Any) -> str | None:
    """Refuse a single isolated atom, for models that cannot run, or are not run, without neighbours."""
    return "a single atom, which has no neighbours" if len(atoms) == 1 and not atoms.pbc.any() else None


def no_neutral_molecule(atoms: Any, known: Container[int] | Container[str]) -> str | None:
    """Refuse whatever is not a neutral, isolated molecule of known elements."""
    periodic = "periodic; the model is for isolated molecules" if atoms.pbc.any() else None
    return unknown_element(atoms, known) or periodic or charged(atoms)
