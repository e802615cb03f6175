"""Conversion of a block of a CIF file to atoms."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...base import InputError, shorten, shorten_names
from .cif_symmetry import operations_of, orbit_of, text
from .elements import of_label, of_type_symbol

STRUCTURE = re.compile(r"_atom_site_(?:fract|cartn)_x", re.IGNORECASE)
SPECIAL = re.compile(
    "_(?:cell_modulation_dimension|space_group_(?:ssg|magn)|space_group_symop_(?:ssg|magn)|superspace_group)",
    re.IGNORECASE,
)
FULL = 0.99  # smallest occupancy that counts as full; programs round to two or three digits
MOVED = 1e-3  # Angstrom; a smaller shift of a rounded coordinate is not reported
KINDS = ("fract", "Cartn")
CELL = (*(f"_cell_length_{name}" for name in "abc"), *(f"_cell_angle_{name}" for name in ("alpha", "beta", "gamma")))


def has_sites(block: Any) -> bool:
    """Return whether a block of gemmi contains the coordinates of atoms."""
    return any(block.find_values(f"_atom_site_{kind}_x") for kind in KINDS)


@dataclass(frozen=True)
class _Site:
    label: str
    symbol: str
    number: int
    position: np.ndarray  # [3], as written


def atoms_of_block(block: Any) -> tuple[Any, dict[str, str]]:
    """Build the atoms of the whole cell from the sites and the symmetry operations of a block of gemmi.

    Operations that are listed come before a group name, and a name before a number. Images of a site that are closer
    than 0.15 Angstrom are merged into their mean, which is on the special position that rounded coordinates miss.

    Returns:
        ASE atoms, which are not periodic if the block has no cell, and remarks as in `Row`.

    Raises:
        ValueError: the structure is incomplete, disordered or not consistent; the message names the site.
    """
    from ase import Atoms

    tags = [tag for item in block for tag in ((item.pair[0],) if item.pair else item.loop.tags if item.loop else ())]
    if tag := next(filter(SPECIAL.match, tags), ""):
        raise InputError(f"it is a magnetic or modulated structure ({shorten(tag)}), whose symmetry is not applied")
    remarks: dict[str, str] = {}
    kind = next((kind for kind in KINDS if block.find_values(f"_atom_site_{kind}_x")), KINDS[0])
    fractional = kind == "fract"
    sites = _sites(block, kind, remarks)
    numbers = [site.number for site in sites]
    positions = np.array([site.position for site in sites])
    parameters = [_number(block, tag) for tag in CELL]
    if not all(map(math.isfinite, parameters)):
        if fractional:
            raise InputError("it has fractional coordinates, but no complete cell")
        return Atoms(numbers, positions), remarks
    cell = _cell(parameters)
    if not fractional:
        positions = np.linalg.solve(cell.array.T, positions.T).T
    orbits, remark = _orbits(block, sites, positions, cell.array)
    if remark:
        remarks[remark] = ""
    counts = [len(orbit) for orbit, _ in orbits]
    moved = {site.label: shift for site, (_, shift) in zip(sites, orbits, strict=True) if shift > MOVED}
    if moved:
        shown = shorten_names(f"{label} by {shift:.3f} Angstrom" for label, shift in moved.items())
        remarks["sites were moved onto the special positions that their rounded coordinates miss"] = shown
    atoms = Atoms(np.repeat(numbers, counts), cell=cell, pbc=True)
    atoms.set_scaled_positions(np.concatenate([orbit for orbit, _ in orbits]))
    if _differs(Counter(atoms.get_chemical_symbols()), _formula(block)):
        stated = shorten(text(block, ("_chemical_formula_sum",)))
        remarks["the composition is not that of the formula"] = f"{atoms.get_chemical_formula()}, not {stated}"
    return atoms, remarks


def _cell(parameters: Sequence[float]) -> Any:
    from ase.cell import Cell

    lengths, angles = parameters[:3], parameters[3:]
    if min(lengths) > 0 and min(angles) > 0 and max(angles) < 180:
        try:
            cell = Cell.fromcellpar(parameters)
        except (AssertionError, ValueError, ZeroDivisionError):
            pass
        else:
            if np.isfinite(cell.array).all() and cell.volume > 0:
                return cell
    raise InputError(f"no cell has the parameters {', '.join(map('{:g}'.format, parameters))}")


def _sites(block: Any, kind: str, remarks: dict[str, str]) -> list[_Site]:
    import gemmi
    from ase.data import chemical_symbols

    coordinates = [f"{kind}_{axis}" for axis in "xyz"]
    optional = ("?label", "?type_symbol", "?occupancy", "?calc_flag", "?disorder_group")
    sites = []
    groups: set[str] = set()
    for row in block.find("_atom_site_", [*coordinates, *optional]):
        label, symbol, occupancy, flag, group = (
            gemmi.cif.as_string(row[i]) if row.has(i) and not gemmi.cif.is_null(row[i]) else "" for i in range(3, 8)
        )
        name = shorten(label or symbol)
        fraction = gemmi.cif.as_number(occupancy) if occupancy else 1.0
        if fraction == 0:
            remarks["sites with occupancy 0 were dropped"] = name
            continue
        if flag == "dum":
            remarks["dummy sites were dropped"] = name
            continue
        number = of_type_symbol(symbol) if symbol else of_label(label)
        if (symbol or label).strip()[:2].rstrip("0123456789+-") in ("D", "T"):
            remarks["deuterium and tritium are read as hydrogen"] = ""
        if not math.isfinite(fraction):
            raise InputError(f"the occupancy of site {name} is {shorten(occupancy)!r}, which is not a number")
        if fraction > 2 - FULL:
            raise InputError(f"the occupancy of site {name} is {shorten(occupancy)}, which is larger than 1")
        groups |= {group.lstrip("-")} if group not in ("", "0") else set()
        if len(groups) > 1 or (group.startswith("-") and fraction >= FULL):
            raise InputError(f"its disordered sites have no occupancies: make an ordered structure first (site {name})")
        if fraction < FULL:
            raise InputError(f"it has partially occupied sites: make an ordered structure first (site {name})")
        position = np.array([gemmi.cif.as_number(row[i]) for i in range(3)])
        if not np.isfinite(position).all():
            raise InputError(f"the coordinates of site {name} are not known")
        sites.append(_Site(name, chemical_symbols[number], number, position))
    if not sites:
        raise InputError("it has no atoms")
    return sites


def _orbits(
    block: Any, sites: Sequence[_Site], positions: np.ndarray, cell: np.ndarray
) -> tuple[list[tuple[np.ndarray, float]], str]:
    """Return `orbit_of` of all sites under the operations of the block, and a remark on their choice, or "".

    If the group has several settings and the block does not state which, the one is used that agrees with the formula,
    or else yields the fewest atoms: with the wrong origin, atoms lose the symmetry of their special positions.
    """
    choices = operations_of(block, cell)
    results = {
        remark: [orbit_of(position, operations, cell) for position in positions]
        for remark, operations in choices.items()
    }

    def rank(remark: str) -> tuple[bool, int]:
        counts = Counter[str]()
        for site, (orbit, _) in zip(sites, results[remark], strict=True):
            counts[site.symbol] += len(orbit)
        return _differs(counts, _formula(block)), sum(counts.values())

    best = min(results, key=rank) if len(results) > 1 else next(iter(results))
    return results[best], best


def _formula(block: Any) -> Mapping[str, float]:
    parts = re.findall(r"([A-Z][a-z]?)([0-9.]*)", text(block, ("_chemical_formula_sum",)))
    counts: Counter[str] = Counter()
    for symbol, amount in parts:
        try:
            counts["H" if symbol in ("D", "T") else symbol] += float(amount or 1)  # type: ignore[assignment]
        except ValueError:
            return {}
    return counts


def _differs(counts: Mapping[str, float], formula: Mapping[str, float]) -> bool:
    """Return whether a composition is not proportional to a formula, if there is one."""
    if not formula or not all(formula.values()):
        return False
    ratios = [counts.get(symbol, 0) / amount for symbol, amount in formula.items()]
    return bool(set(counts) - set(formula)) or max(ratios) - min(ratios) > 0.01 * max(ratios)


def _number(block: Any, tag: str) -> float:
    import gemmi

    value = block.find_value(tag)
    return math.nan if value is None else float(gemmi.cif.as_number(value))
