"""Symmetry of a block of a CIF file: its operations, and the images of a site under them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._errors import InputError
from .._text import shorten

# Angstrom. Images of a site that are closer are one atom, whose coordinates were rounded.
MERGED = 0.15
OPERATIONS = ("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz", "_space_group_symop.operation_xyz")
HALL = ("_space_group_name_Hall", "_symmetry_space_group_name_Hall")
HERMANN_MAUGUIN = ("_space_group_name_H-M_alt", "_symmetry_space_group_name_H-M", "_space_group_name_H-M_ref")
NUMBER = ("_space_group_IT_number", "_symmetry_Int_Tables_number")


def orbit_of(position: np.ndarray, operations: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the distinct images of a fractional position [3] under operations [n, 3, 4], and the largest shift."""
    images = operations[:, :, :3] @ position + operations[:, :, 3]
    images -= np.floor(images)
    orbit: list[np.ndarray] = []
    moved = 0.0
    while len(images):
        # In Cartesian coordinates, with the nearest periodic image of each.
        shifts = images - images[0]
        shifts -= np.round(shifts)
        near = np.linalg.norm(shifts @ cell, axis=1) < MERGED
        mean = shifts[near].mean(0)
        moved = max(moved, float(np.linalg.norm(mean @ cell)))
        orbit.append(images[0] + mean)
        images = images[~near]
    return np.array(orbit), moved


def operations_of(block: Any, parameters: Sequence[float]) -> dict[str, np.ndarray]:
    """Return the possible symmetry operations [n, 3, 4], each with a remark that explains the choice, or "" if none."""
    import gemmi

    for tag in OPERATIONS:
        column = block.find_values(tag)
        triplets = [column.str(i) for i in range(len(column)) if not gemmi.cif.is_null(column[i])]
        single = block.find_value(tag)
        if not triplets and single is not None and not gemmi.cif.is_null(single):
            triplets = [gemmi.cif.as_string(single)]
        if triplets:
            return {"": _matrices(map(_parsed, triplets))}
    hall, name, number = (text(block, tags) for tags in (HALL, HERMANN_MAUGUIN, NUMBER))
    if hall:
        try:
            return {"": _matrices(gemmi.symops_from_hall(hall))}
        except (RuntimeError, ValueError):
            pass  # the Hermann-Mauguin name or the number may be valid
    groups = {}
    for origin in "21":
        group = gemmi.find_spacegroup_by_name(name, parameters[3], parameters[5], prefer=origin) if name else None
        if group is None and number.isdigit():
            table = [group for group in gemmi.spacegroup_table() if group.number == int(number)]
            group = next((group for group in table if group.ext == origin), table[0] if table else None)
        if group is not None:
            groups[group.xhm()] = _matrices(group.operations())
    if len(groups) == 1:
        return {"": next(iter(groups.values()))}
    if groups:
        return {f"the origin of its space group is not stated; {xhm} was used": ops for xhm, ops in groups.items()}
    if name or hall or number:
        raise InputError(
            f"its space group {shorten(name or hall or number)!r} is not known, and no operations are listed"
        )
    return {"no space group is stated; P 1 was used": np.eye(3, 4)[None]}


def _parsed(triplet: str) -> Any:
    import gemmi

    try:
        return gemmi.Op(triplet)
    except (RuntimeError, ValueError):
        raise InputError(f"the symmetry operation {shorten(triplet)!r} is not readable") from None


def _matrices(operations: Any) -> np.ndarray:
    return np.array([np.array(operation.float_seitz())[:3] for operation in operations])


def text(block: Any, tags: Sequence[str]) -> str:
    import gemmi

    values = [block.find_value(tag) for tag in tags]
    return next((gemmi.cif.as_string(v).strip() for v in values if v is not None and not gemmi.cif.is_null(v)), "")
