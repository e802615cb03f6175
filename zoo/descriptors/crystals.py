"""Descriptors of periodic structures."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..base import MissingPackageError, install_command
from .coordination import coordination_numbers
from .descriptor import Fact, Property, contains, has, many, size
from .structures import ATOMS, COORDINATION, ELEMENTS, force_facts

# Tolerance of the Materials Project for relaxed structures.
SYMPREC = 0.1
# A gap of this size between layers of atoms is vacuum.
VACUUM = 8.0
GPA_PER_EV_A3 = 160.21766208

VOLUME = size(
    "volume per atom", "volume of the cell by number of atoms; 3D periodic", "Å³", high="larger", low="smaller"
)
DENSITY = size("density", "mass of the atoms by volume of the cell; 3D periodic", "g/cm³")
OPERATIONS = many("symmetry operations", "of the crystallographic point group, spglib, symprec 0.1 Å")
PRESSURE = size("pressure", "minus a third of the trace of ``atoms.info['stress']`` (eV/Å³)", "GPa")
METHOD_SYMMETRY = "spglib, symprec 0.1 Å; Togo, Shinohara & Tanaka (2024), DOI 10.1080/27660400.2024.2384822"
CENTRE = has("a centre of inversion", METHOD_SYMMETRY)
LAYERED = has(
    "vacuum between slabs or molecules", "a gap of 8 Å between atoms along a cell vector, or no periodicity along it"
)
SYSTEMS = ((2, "triclinic"), (15, "monoclinic"), (74, "orthorhombic"), (142, "tetragonal"), (167, "trigonal"))
CLASSES = {
    "an alkali metal": (3, 11, 19, 37, 55, 87),
    "an alkaline earth metal": (4, 12, 20, 38, 56, 88),
    "a transition metal": (*range(21, 31), *range(39, 49), *range(72, 81)),
    "a lanthanide": tuple(range(57, 72)),
    "an actinide": tuple(range(89, 104)),
    "a metal of the main groups 13 to 16": (13, 31, 49, 50, 81, 82, 83, 84),
    "a metalloid": (5, 14, 32, 33, 51, 52),
    "a pnictogen": (7, 15, 33, 51, 83),
    "a chalcogen": (8, 16, 34, 52, 84),
    "a halogen": (9, 17, 35, 53, 85),
    "a noble gas": (2, 10, 18, 36, 54, 86),
}
_CLASSES = {has(name, "an atom of an element of this class"): set(numbers) for name, numbers in CLASSES.items()}
METALS = {
    number
    for name, numbers in CLASSES.items()
    if "metal" in name.split() or name in ("a lanthanide", "an actinide")
    for number in numbers
}
INTERMETALLIC = Property(
    "metals only",
    "made of metals only",
    "with a nonmetal or metalloid",
    "all elements are metals",
    binary=True,
    absent=0,
)


def crystal_facts(atoms: Any) -> Iterator[Fact]:
    """Yield the descriptors of periodic ASE atoms of at least one atom.

    Raises:
        ImportError: spglib is not installed.
    """
    symbols, numbers = set(atoms.get_chemical_symbols()), set(atoms.numbers.tolist())
    yield ATOMS, len(atoms)
    yield ELEMENTS, len(symbols)
    if atoms.pbc.all():
        volume = float(abs(np.linalg.det(atoms.cell.array)))
        yield VOLUME, volume / len(atoms)
        yield DENSITY, float(atoms.get_masses().sum()) / volume * 1.66053907
        yield from _symmetry_facts(atoms)
    yield COORDINATION, float(coordination_numbers(atoms).mean())
    yield LAYERED, bool(vacuum_axes(atoms))
    yield from force_facts(atoms)
    stress = np.asarray(atoms.info.get("stress", np.nan), np.float64)
    if stress.size in (6, 9) and np.isfinite(stress).all():
        trace = stress.ravel()[:3].sum() if stress.size == 6 else np.trace(stress.reshape(3, 3))
        yield PRESSURE, float(-trace / 3 * GPA_PER_EV_A3)
    yield INTERMETALLIC, numbers <= METALS
    for prop, members in _CLASSES.items():
        yield prop, bool(numbers & members)
    for element in sorted(symbols):
        yield contains(element), 1.0


def _symmetry_facts(atoms: Any) -> Iterator[Fact]:
    try:
        from spglib import get_symmetry_dataset
        from spglib.error import SpglibError
    except ImportError as error:
        raise MissingPackageError(f"describing crystals needs spglib: {install_command('spglib')}") from error
    cell = atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers
    # No consistent set of operations, such as for overlapping atoms, is None or an error, depending on the version.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            found = get_symmetry_dataset(cell, symprec=SYMPREC)
        except SpglibError:
            return
    if found is None:
        return
    number = int(found.number)
    system = next((name for last, name in SYSTEMS if number <= last), "hexagonal" if number <= 194 else "cubic")
    yield _in(f"{system} system", f"of the {system} crystal system"), 1.0
    yield _in(f"space group {found.international}", f"of the space group {found.international}"), 1.0
    rotations = np.unique(found.rotations, axis=0)
    yield OPERATIONS, len(rotations)
    yield CENTRE, bool((rotations == -np.eye(3, dtype=int)).all((1, 2)).any())


def _in(name: str, words: str) -> Property:
    return Property(name, words, f"not {words}", METHOD_SYMMETRY, binary=True, absent=0)


def vacuum_axes(atoms: Any) -> dict[int, np.ndarray]:
    """Return the cell vectors along which there is vacuum, with the heights of the atoms between both surfaces.

    Along a periodic cell vector, vacuum is a gap of at least 8 Å between the planes of atoms, which the other two cell
    vectors span; along a direction that is not periodic there always is. Structures that are not periodic at all have
    no surface.

    Returns:
        Number of the cell vector -> [n], height above the lower surface in Å.
    """
    from ase.geometry import complete_cell

    if not atoms.pbc.any():
        return {}
    cell = complete_cell(np.where(np.asarray(atoms.pbc)[:, None], atoms.cell.array, 0.0))
    inverse = np.linalg.inv(cell)
    fractions = atoms.positions @ inverse
    found = {}
    for axis in range(3):
        # The distance between the planes is the inverse of this column's length.
        spacing = 1 / float(np.linalg.norm(inverse[:, axis]))
        heights = fractions[:, axis]
        if atoms.pbc[axis]:
            heights = heights % 1.0
            order = np.sort(heights)
            gaps = np.diff(np.append(order, order[0] + 1))
            widest = int(gaps.argmax())
            if gaps[widest] * spacing < VACUUM:
                continue
            heights = (heights - order[(widest + 1) % len(order)]) % 1.0
        found[axis] = (heights - heights.min()) * spacing
    return found
