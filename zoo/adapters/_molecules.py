"""What potentials of isolated molecules refuse."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any


def no_neutral_molecule(atoms: Any, elements: Collection[str]) -> str | None:
    """Say why the atoms are not one neutral, isolated molecule of these elements, or None where they are."""
    others = sorted(set(atoms.get_chemical_symbols()) - set(elements))
    if others:
        return f"not trained for {', '.join(others)}"
    if atoms.pbc.any():
        return "periodic; the model is for isolated molecules"
    if atoms.info.get("charge", 0) != 0:
        return f"charge {atoms.info['charge']}; only neutral molecules are embedded"
    return None
