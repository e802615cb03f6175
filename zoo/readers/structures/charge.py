"""Total charge and spin multiplicity of a structure.

A sample carries them as ``atoms.info["charge"]``, in elementary charges, and ``atoms.info["spin"]``, the multiplicity
2S + 1. They are read from these properties of a structure, in any case:

================================================================  =====================================================
``charge``, ``total_charge``, ``net_charge``, ``tot_charge``,     total charge; also written 1+
``molecular_charge``, ``formal_charge``
``nelec``, ``n_electrons``, ``num_electrons``                     number of electrons: charge = sum of Z - nelec
``spin``, ``multiplicity``, ``spin_multiplicity``, ``mult``,      multiplicity 2S + 1, as in OMol25 and fairchem; 0,
``molecular_multiplicity``                                        which fairchem writes where there is none, is not set
``n_unpaired``, ``num_unpaired_electrons``, ``uhf``               unpaired electrons: multiplicity = n + 1
initial charges and initial magnetic moments of ASE               if none of the above is set, the structure is isolated
                                                                  and they add up to an integer: total charge, and
                                                                  multiplicity = |sum| + 1
================================================================  =====================================================

Initial magnetic moments of periodic structures are local moments, often antiferromagnetic, and computed charges are
partial charges, so neither is used; nor is a multiplicity of a periodic structure. Without a charge a structure is
neutral; without a multiplicity a model that takes one assumes the lowest, 1 or 2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...base import InputError, shorten

CHARGES = ("charge", "total_charge", "net_charge", "tot_charge", "molecular_charge", "formal_charge")
ELECTRONS = ("nelec", "n_electrons", "num_electrons")
MULTIPLICITIES = ("spin", "multiplicity", "spin_multiplicity", "mult", "molecular_multiplicity")
_ABSENT = ("", "none", "null", "nan")
_SIGN_LAST = re.compile(r"^([0-9]+)([+-])$")
UNPAIRED = ("n_unpaired", "num_unpaired_electrons", "uhf")
ROUNDING = 1e-3


def charge_and_spin(atoms: Any, facts: Mapping[str, Any], remarks: dict[str, str]) -> dict[str, float]:
    """Return ``charge`` and ``spin`` as far as a structure sets them, with a charge of zero omitted.

    Args:
        atoms: the structure, with its initial charges and magnetic moments.
        facts: properties of the structure in its file.
        remarks: receives what is not taken literally from a property.

    Raises:
        ValueError: a value is no integer, two contradict each other, or the number of electrons forbids the spin.
    """
    values: dict[str, list[tuple[str, Any]]] = {}
    for name, value in facts.items():
        values.setdefault(str(name).casefold(), []).append((str(name), value))
    protons = int(atoms.numbers.sum())
    charges = _integers(values, CHARGES, "charge")
    charges |= {name: protons - n for name, n in _integers(values, ELECTRONS, "number of electrons").items()}
    spins = {name: m for name, m in _integers(values, MULTIPLICITIES, "spin multiplicity").items() if m}
    spins |= {name: n + 1 for name, n in _integers(values, UNPAIRED, "number of unpaired electrons").items()}
    charge, spin = _agreed(charges, "charge"), _agreed(spins, "spin multiplicity")
    isolated = not atoms.pbc.any()
    if charge is None and isolated and (total := _total(atoms, "initial_charges")):
        charge = total
        remarks["charge taken from the initial charges of the atoms"] = ""
    electrons = protons - (charge or 0)
    if electrons < 0:
        raise InputError(f"its charge {charge:+d} is larger than the number of its electrons, {protons}")
    if spin is None and isolated and (total := _total(atoms, "initial_magmoms")) and (electrons - total) % 2 == 0:
        spin = abs(total) + 1
        remarks["spin multiplicity taken from the initial magnetic moments of the atoms"] = ""
    if spin is not None and isolated and not _possible(spin, electrons):
        raise InputError(
            f"the spin multiplicity {spin} is impossible with {electrons} electrons; it is read as 2S + 1 of the whole"
        )
    if spin is not None and not isolated:
        remarks["the spin multiplicity of periodic structures is not used"] = ""
        spin = None
    info: dict[str, float] = {"charge": float(charge)} if charge else {}
    return info | ({} if spin is None else {"spin": spin})


def _possible(spin: int, electrons: int) -> bool:
    return 1 <= spin <= electrons + 1 and (electrons + spin) % 2 == 1


def _integers(values: Mapping[str, list[tuple[str, Any]]], names: tuple[str, ...], what: str) -> dict[str, int]:
    integers = {}
    for name, value in (pair for known in names for pair in values.get(known, ())):
        array = np.asarray(value)
        # A word of a comment is read as True; several values are those of the atoms.
        if array.dtype == bool or array.size != 1 or str(value).strip().casefold() in _ABSENT:
            continue
        try:
            number = float(_SIGN_LAST.sub(r"\2\1", str(array.item()).strip(" ;,")))
        except (TypeError, ValueError):
            raise InputError(f"its {name} is {shorten(value)!r}, which is not a number") from None
        if not np.isfinite(number) or abs(number) > 1e6 or abs(number - round(number)) > ROUNDING:
            raise InputError(f"its {name} is {number:g}, but a {what} is an integer")
        integers[name] = round(number)
    return integers


def _agreed(values: Mapping[str, int], what: str) -> int | None:
    if len(set(values.values())) > 1:
        stated = ", ".join(f"{name} = {value}" for name, value in values.items())
        raise InputError(f"its properties contradict each other in the {what}: {stated}")
    return next(iter(values.values()), None)


def _total(atoms: Any, name: str) -> int:
    """Return the sum of an initial property over the atoms; 0 if there is none, or it is not close to an integer."""
    values = atoms.arrays.get(name)
    if values is None or values.ndim != 1 or not np.isfinite(values).all():
        return 0
    total = float(values.sum())
    return round(total) if abs(total - round(total)) < ROUNDING else 0
