"""Symmetry of a block of a CIF file: its operations, and the images of a site under them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...base import InputError, shorten
from .space_groups import settings_of_name, settings_of_number

# Angstrom. Images of a site that are closer are one atom, whose coordinates were rounded.
MERGED = 0.15
# Largest change of the metric of a cell by an operation, relative to its lengths: half a percent or half a degree.
KEPT, EXACT = 1e-2, 1e-4
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


def operations_of(block: Any, cell: np.ndarray) -> dict[str, np.ndarray]:
    """Return the possible symmetry operations [n, 3, 4], each with a remark that explains the choice, or "" if none.

    Args:
        block: block of gemmi.
        cell: cell vectors [3, 3], which the operations must keep.

    Raises:
        ValueError: the space group is not known, its setting is not, or its operations do not keep the cell.
    """
    import gemmi

    for tag in OPERATIONS:
        column = block.find_values(tag)
        triplets = [column.str(i) for i in range(len(column)) if not gemmi.cif.is_null(column[i])]
        single = block.find_value(tag)
        if not triplets and single is not None and not gemmi.cif.is_null(single):
            triplets = [gemmi.cif.as_string(single)]
        if triplets:
            operations = _matrices(map(_parsed, triplets))
            errors = _errors(operations, cell)
            if errors.max() > KEPT:
                triplet = shorten(triplets[int(errors.argmax())])
                raise InputError(f"its symmetry operation {triplet!r} does not keep its cell")
            return {"": operations}
    hall, name, number = (text(block, tags) for tags in (HALL, HERMANN_MAUGUIN, NUMBER))
    if hall:
        try:
            operations = _matrices(gemmi.symops_from_hall(hall))
        except (RuntimeError, ValueError):
            pass  # the Hermann-Mauguin name or the number may be valid
        else:
            if _errors(operations, cell).max() > KEPT:
                raise InputError(f"its cell does not have the symmetry of its space group {shorten(hall)!r}")
            return {"": operations}
    if not (name or hall or number):
        return {"no space group is stated; P 1 was used": np.eye(3, 4)[None]}
    return _of_group(name, int(number) if number.isascii() and number.isdigit() and len(number) < 4 else 0, hall, cell)


def _of_group(name: str, number: int, hall: str, cell: np.ndarray) -> dict[str, np.ndarray]:
    """Return the operations of the settings that a name, or else a number, may mean, as `operations_of` does."""
    named = settings_of_name(name) if name else []
    groups = named or settings_of_number(number)
    stated = shorten(name or hall or number)
    if not groups:
        raise InputError(f"its space group {stated!r} is not known, and no operations are listed")
    if number and groups[0].number != number:
        raise InputError(
            f"its space group {stated!r} has the number {groups[0].number}, but {number} is stated: list the operations"
        )
    settings: dict[frozenset[str], tuple[str, np.ndarray, float]] = {}
    for group in groups:
        operations = _matrices(group.operations())
        key = frozenset(operation.triplet() for operation in group.operations())
        settings.setdefault(key, (group.xhm(), operations, float(_errors(operations, cell).max())))
    kept = [setting for setting in settings.values() if setting[2] < KEPT]
    if not kept:
        raise InputError(f"its cell does not have the symmetry of its space group {stated!r}")
    # Of a monoclinic angle close to 90 degrees, only the exact setting counts.
    kept = [setting for setting in kept if setting[2] < EXACT] or kept
    if not named and name and len(kept) > 1:
        raise InputError(
            f"its space group {stated!r} is not known, and number {number} has several settings: list the operations"
        )
    symbol = kept[0][0].split(":")[0]
    if named:
        # A symbol without its unique axis is of axis b, unless the cell has another.
        kept = [setting for setting in kept if setting[0].split(":")[0] == symbol]
        reason = "the origin of its space group is not stated"
    else:
        reason = "only the number of its space group is stated"
    if len(kept) == 1:
        return {"" if named or not name else f"its space group name is not known; {kept[0][0]} was used": kept[0][1]}
    return {f"{reason}; {xhm} was used": operations for xhm, operations, _ in kept}


def _errors(operations: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Return by how much each operation [n, 3, 4] changes the metric of a cell, relative to the cell lengths."""
    lengths = np.linalg.norm(cell, axis=1)
    metric = cell @ cell.T
    rotations = operations[:, :, :3]
    changes = np.abs(rotations.transpose(0, 2, 1) @ metric @ rotations - metric)
    return np.asarray((changes / np.outer(lengths, lengths)).max(axis=(1, 2)))


def _parsed(triplet: str) -> Any:
    import gemmi

    try:
        return gemmi.Op(triplet)
    except (RuntimeError, ValueError):
        raise InputError(f"the symmetry operation {shorten(triplet)!r} is not readable") from None


def _matrices(operations: Any) -> np.ndarray:
    return np.array([np.array(operation.float_seitz())[:3] for operation in operations])


def text(block: Any, tags: Sequence[str]) -> str:
    """Return the value of the first of some tags that a CIF block has; "" if it has none."""
    import gemmi

    values = [block.find_value(tag) for tag in tags]
    return next((gemmi.cif.as_string(v).strip() for v in values if v is not None and not gemmi.cif.is_null(v)), "")
