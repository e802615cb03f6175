"""The forces of a structure: which array contains them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

FORCES = "forces"
NAMES = (FORCES, "ref_forces", "dft_forces", "forces_ref", "forces_dft", "force")  # in this order, in any case


def find_forces(
    results: Mapping[str, Any], arrays: Mapping[str, Any], n_atoms: int, remarks: dict[str, str]
) -> np.ndarray | None:
    """Return the forces float64 [atoms, 3] in eV/Angstrom, or None if the structure has none.

    Args:
        results: of the calculator of ASE, which come first.
        arrays: of the atoms.
        n_atoms: number of atoms.
        remarks: receives which array was taken, and why forces were not read.
    """
    for values in (results, arrays):
        names = {str(name).casefold(): str(name) for name in values}
        name = next((names[usual] for usual in NAMES if usual in names), None)
        if name is None:
            continue
        forces = np.asarray(values[name])
        if forces.shape != (n_atoms, 3) or forces.dtype.kind not in "fiu" or not np.isfinite(forces).all():
            remarks["forces not read, because they are not three numbers per atom"] = name
            return None
        if any("converted from" in remark for remark in remarks):
            remarks["forces not read, because the energy has another unit and that of the forces is not stated"] = name
            return None
        if name != FORCES:
            remarks[f"forces taken from {name}"] = ""
        return forces.astype(np.float64)
    return None
