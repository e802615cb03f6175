"""Unit conversions."""

from __future__ import annotations

HARTREE = 27.211386245981  # eV, CODATA 2022
MOLE = 6.02214076e23 * 1.602176634e-19  # J / (eV mol), exact
_ENERGIES = {
    1.0: ("ev", "electronvolt", "electronvolts"),
    1e-3: ("mev",),
    HARTREE: ("hartree", "hartrees", "ha", "eh", "au", "atomicunits"),
    HARTREE / 2: ("ry", "rydberg", "rydbergs"),
    4184 / MOLE: ("kcal/mol", "kcalmol", "kcalmol-1", "kcalpermol"),
    1000 / MOLE: ("kj/mol", "kjmol", "kjmol-1", "kjpermol"),
}
_FACTORS = {name: factor for factor, names in _ENERGIES.items() for name in names}
_PER_ATOM = ("/atom", "peratom")


def energy_unit(text: str) -> tuple[float, bool] | None:
    """Return the value of a unit of energy in eV, and whether it is one of an energy per atom; None if it is unknown.

    Case, spaces, dots and underscores are ignored: ``kcal/mol``, ``kcal mol^-1`` and ``kcal_mol`` are one unit. A unit
    without a prefix is read as eV, Hartree (also ``a.u.``), Rydberg, and kcal or kJ per mole.
    """
    name = "".join(c for c in text.casefold() if c not in " ._^*()[]")
    per_atom = next((end for end in _PER_ATOM if name.endswith(end)), "")
    factor = _FACTORS.get(name.removesuffix(per_atom))
    return None if factor is None else (factor, bool(per_atom))
