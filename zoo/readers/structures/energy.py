"""The energy of a structure: which property contains it, and its unit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...base import InputError, energy_unit, shorten, shorten_names

ENERGY = "energy"
NO_ENERGY = "no energy, because the structure does not have the property that was asked for"
# In this order, in any case, and with a unit at the end, such as energy_kcal_mol.
NAMES = (
    "energy",
    "ref_energy",
    "energy_ref",
    "dft_energy",
    "energy_dft",
    "total_energy",
    "energy_total",
    "uncorrected_total_energy",
    "uncorrected_energy",
    "potential_energy",
    "energy_potential",
    "e_tot",
    "etot",
    "free_energy",
    "u0",
    "energy_per_atom",
    "uncorrected_energy_per_atom",
)
_UNIT = re.compile(
    r"(?P<base>.*?[a-z0-9])[ _.(\[]+(?P<unit>ev|mev|ha|hartrees?|eh|au|ry|kcal[ _/]?mol|kj[ _/]?mol)[)\]]?"
)


def find_energy(
    results: Mapping[str, Any], facts: Mapping[str, Any], n_atoms: int, key: str, remarks: dict[str, str]
) -> float | None:
    """Return the energy of a structure in eV, or None if it has none.

    Args:
        results: what a calculator stored with the structure, which comes first.
        facts: properties of the structure in its file.
        n_atoms: number of atoms, for an energy per atom.
        key: the property to read; if empty, the first of `NAMES`.
        remarks: receives which property was used, unless it is ``energy``, and how it was converted.

    Raises:
        ValueError: the property is not a number.
    """
    values = {**facts, **{name: value for name, value in results.items() if value is not None}}
    name = _named(values, key, remarks) if key else _usual(values)
    if name is None:
        return None
    value = _scalar(values[name])
    if value is None:
        raise InputError(f"the label {ENERGY} is {shorten(values[name], 40)!r}, which is not a number")
    if np.isinf(value):
        raise InputError(f"the label {ENERGY} is infinite")
    base, unit = _split(name)
    stated = unit or _stated_unit(values, name) or "eV"
    known = energy_unit(stated)
    if known is None:
        remarks["energy not read, because its unit is not known"] = f"{name} in {shorten(stated)}"
        return None
    factor, per_atom = known[0], known[1] or base.endswith("per_atom")
    raw = _scalar(values.get(f"uncorrected_{name}"))
    if raw is not None and raw != value:
        remarks[f"energies are those with corrections; --energy-key uncorrected_{shorten(name)} selects the others"] = (
            ""
        )
    if name != ENERGY:
        remarks[f"energy taken from {shorten(name)}"] = ""
    if factor != 1.0:
        remarks[f"energy converted from {shorten(stated)} to eV"] = ""
    if per_atom:
        remarks["energy per atom multiplied by the number of atoms"] = ""
    return value * factor * (n_atoms if per_atom else 1)


def _named(values: Mapping[str, Any], key: str, remarks: dict[str, str]) -> str | None:
    if key in values and not _absent(values[key]):
        return key
    has = shorten_names(name for name, value in values.items() if _scalar(value) is not None)
    remarks[NO_ENERGY] = f"it has: {has or 'no numbers'}"
    return None


def _usual(values: Mapping[str, Any]) -> str | None:
    bases: dict[str, str] = {}
    for name, value in values.items():
        if name == ENERGY and not _absent(value):
            return name
        if _scalar(value) is not None:
            bases.setdefault(_split(name)[0], name)
    return next((bases[base] for base in NAMES if base in bases), None)


def _split(name: str) -> tuple[str, str]:
    """Return the name in lower case without its unit, and the unit."""
    text = str(name).casefold()
    match = _UNIT.fullmatch(text)
    base = match["base"] if match else text
    return re.sub(r"[ .-]", "_", base), match["unit"] if match else ""


def _stated_unit(values: Mapping[str, Any], name: str) -> str:
    texts = {str(key).casefold(): str(value).strip() for key, value in values.items() if isinstance(value, str)}
    own = (f"{name.casefold()}_unit", f"{name.casefold()}_units")
    for key in (*own, "energy_unit", "energy_units", "unit_energy", "units_energy", "unit_of_energy"):
        if texts.get(key):
            return texts[key]
    # A general unit may be one of length.
    return next((texts[key] for key in ("unit", "units") if energy_unit(texts.get(key, ""))), "")


def _scalar(value: Any) -> float | None:
    """Return a finite or infinite number, also of an array or text with a single one; None for anything else."""
    if _absent(value):
        return None
    array = np.asarray(value)
    try:
        return float(array.item())
    except (TypeError, ValueError):
        return None


def _absent(value: Any) -> bool:
    """Return whether a value is missing: also a single word of a comment, which is read as True, and NaN."""
    if value is None or isinstance(value, (bool, np.bool_, Mapping)):
        return True
    try:
        array = np.asarray(value)
    except ValueError:  # lists of different lengths
        return True
    if array.size != 1 or array.dtype == bool:
        return True
    item = array.item()
    if isinstance(item, float):
        return bool(np.isnan(item))
    return isinstance(item, str) and item.strip().casefold() in ("", "nan", "none", "null")
