"""Properties in the comment lines of .xyz files: extended XYZ, JSON, tmQM, and what people write by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...base import InputError, energy_unit, shorten

LAMMPS = re.compile(r"Atoms\. Timestep:")
BOHR = 0.529177210544  # Angstrom, CODATA 2022
_LENGTHS = {
    **dict.fromkeys(("angstrom", "angstroms", "ang", "a", "\u00e5", "\u212b"), 1.0),
    **dict.fromkeys(("bohr", "bohrs", "bohrradius", "a0", "au", "atomic"), BOHR),
    **dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre"), 10.0),
    **dict.fromkeys(("pm", "picometer", "picometers", "picometre"), 0.01),
}
_QUANTITY = "(?:length|pos|position|positions|distance|coordinate|coordinates|coord|coords|geometry|cell)"
_LENGTH_KEY = re.compile(rf"{_QUANTITY}_?units?|units?_?{_QUANTITY}")
_UNCLEAR = re.compile(r"\bin (?:units of )?bohr\b|\(bohr\)|\bbohr units\b", re.IGNORECASE)
_CHARGE = r"(?:(?:total|net|molecular|formal)[_ ])?charge|q"
_SPIN = r"(?:spin[_ ])?multiplicity|mult|s"
_LOOSE = re.compile(
    rf"(?:^|[\s|;,(])(?P<name>{_CHARGE}|{_SPIN})\s*[:=]\s*(?P<value>[-+]?[0-9]+(?:\.[0-9]*)?)(?=[\s|;,)]|$)",
    re.IGNORECASE,
)
_PAIR = re.compile(r"([-+]?[0-9]{1,2})\s+([1-9])")


def properties(comment: str, remarks: dict[str, str]) -> dict[str, Any]:
    """Return the properties in a comment as ASE names them, with a cell under ``Lattice``, transposed as ASE has it.

    Args:
        comment: the comment line.
        remarks: receives what is not taken literally; see `Row`.

    Raises:
        ValueError: a cell or a charge that is stated cannot be read.
    """
    info = _parsed(comment)
    for name in list(info):
        canonical = {"properties": "Properties", "pbc": "pbc"}.get(name.casefold(), name)
        if canonical != name and canonical not in info:
            info[canonical] = info.pop(name)
    if "Lattice" not in info:
        _read_cell(info, remarks)
    elif np.shape(info["Lattice"]) != (3, 3):
        raise InputError(f"its Lattice is {shorten(info['Lattice'])!r}, not nine numbers")
    _read_energy_units(info)
    if "Lattice" not in info and "Properties" not in info:
        _read_loose(comment, info, remarks)
    return info


def length_unit(comment: str, info: Mapping[str, Any]) -> tuple[str, float]:
    """Return the unit of lengths that a comment states, and its value in Angstrom; ``("", 1.0)`` if it states none.

    Raises:
        ValueError: a unit that is not known.
    """
    for name, value in info.items():
        key, unit = str(name).casefold(), re.sub("[ ._]", "", str(value)).casefold()
        if _LENGTH_KEY.fullmatch(key):
            if unit not in _LENGTHS:
                raise InputError(f"the unit {shorten(value)!r} of its {shorten(name)} is not known")
            return str(value), _LENGTHS[unit]
        # A general unit may be one of energy.
        if key in ("unit", "units") and unit in _LENGTHS and energy_unit(str(value)) is None:
            return str(value), _LENGTHS[unit]
    if match := re.search(r"\bunits?:\s*([A-Za-z]+)", comment):
        unit = match[1].casefold()
        if unit in _LENGTHS and energy_unit(unit) is None:
            return match[1], _LENGTHS[unit]
    if match := _UNCLEAR.search(comment):
        raise InputError(
            f"its comment says {match[0]!r}, but .xyz files are in Angstrom: convert its lengths, or write units=bohr"
        )
    return "", 1.0


def _parsed(comment: str) -> dict[str, Any]:
    from ase.io.extxyz import key_val_str_to_dict

    if comment.startswith("{"):
        try:
            values = json.loads(comment)
        except ValueError:
            values = None
        if isinstance(values, dict):
            return {
                str(name): np.array(value, float).reshape(3, 3).T
                if name == "Lattice" and np.size(value) == 9
                else value
                for name, value in values.items()
            }
    return dict(key_val_str_to_dict(comment)) if comment else {}


def _read_cell(info: dict[str, Any], remarks: dict[str, str]) -> None:
    """Set ``Lattice`` from nine numbers, three lengths, or three lengths and angles under the name cell."""
    from ase.geometry import cellpar_to_cell

    name = next((name for name in info if name.casefold() in ("cell", "unit_cell", "unitcell", "lattice")), None)
    if name is None or isinstance(info[name], bool):
        return
    try:
        value = json.loads(info[name]) if isinstance(info[name], str) else info[name]
        array = np.array(value, float)
    except (TypeError, ValueError):
        raise InputError(f"its {name} is {shorten(info[name])!r}, which is not readable") from None
    if array.size not in (3, 6, 9):
        raise InputError(f"its {name} has {array.size} numbers, not 9, or 3 lengths and 3 angles")
    vectors = array.reshape(3, 3) if array.size == 9 else cellpar_to_cell(array.ravel())
    info["Lattice"] = vectors.T
    remarks[f"cell taken from {shorten(name)}"] = ""


def _read_energy_units(info: dict[str, Any]) -> None:
    """Take a unit after a number, as in ``energy=-76.4 Hartree``, as the unit of that property."""
    previous = ""
    for name, value in list(info.items()):
        if value is True and previous and energy_unit(name) is not None:
            info.setdefault(f"{previous}_unit", name)
        previous = name if isinstance(value, (int, float)) and not isinstance(value, bool) else ""


def _read_loose(comment: str, info: dict[str, Any], remarks: dict[str, str]) -> None:
    """Set charge and multiplicity from ``charge: -1`` or from ``q = 1 | S = 0``."""
    known = {name.casefold() for name in info if not isinstance(info[name], (bool, np.bool_))}
    found = {match["name"].casefold().replace(" ", "_"): match["value"] for match in _LOOSE.finditer(comment)}
    for name, value in found.items():
        if name == "q" or name.endswith("charge"):
            if name == "q" and "s" not in found:
                continue
            if name == "q" or name not in known:
                info["charge" if name == "q" else name] = value
                remarks[f"charge taken from {name} in the comment"] = value
        elif name == "s":
            if "q" in found:
                info["multiplicity"] = 2 * float(value) + 1
                remarks["spin multiplicity 2S + 1 taken from S in the comment"] = value
        elif name not in known:
            info[name] = value
            remarks[f"spin multiplicity taken from {name} in the comment"] = value


def charge_of_pair(comment: str, atoms: Any, remarks: dict[str, str]) -> dict[str, int]:
    """Return charge and multiplicity from a comment such as ``-1 1``, if the number of electrons allows them."""
    match = _PAIR.fullmatch(comment)
    if not match:
        return {}
    charge, multiplicity = map(int, match.groups())
    if (int(atoms.numbers.sum()) - charge + multiplicity) % 2 == 0:
        remarks["the two numbers in the comment are no charge and spin multiplicity, and not used"] = comment
        return {}
    remarks["the two numbers in the comment are read as charge and spin multiplicity"] = comment
    return {"charge": charge, "multiplicity": multiplicity}
