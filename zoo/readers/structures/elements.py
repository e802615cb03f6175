"""Elements in the labels of structure files."""

from __future__ import annotations

import re
from functools import cache

from ...base import InputError, shorten

ISOTOPES = {"D": 1, "T": 1}
# Oxygen and hydrogen of water, by the name that many programs give them.
WATER = {"OW": 8, "HW": 1}


def atomic_number(symbol: str) -> int | None:
    """Return the atomic number of a symbol in any case, or of a number; hydrogen for D and T; None if it is neither."""
    from ase.data import atomic_numbers

    text = symbol.strip().capitalize()
    if text.isascii() and text.isdigit():
        return int(text) if 1 <= int(text[:4]) <= 118 else None
    return ISOTOPES.get(text) or atomic_numbers.get(text) or None


@cache
def of_label(label: str) -> int:
    """Return the atomic number of a site label such as Na1, FE2+ or O1A, in which the element comes first.

    Raises:
        ValueError: the letters at the beginning are no element, as in Wat1 or M1.
    """
    letters = re.match("[A-Za-z]*", label.strip())[0]  # type: ignore[index]  # it matches any text
    number = WATER.get(letters.upper()) or (atomic_number(letters) if letters[:1].isupper() else None)
    if number is None:
        raise InputError(f"the site label {shorten(label)!r} is no element, and it has no type symbol")
    return number


def of_type_symbol(symbol: str) -> int:
    """Return the atomic number of a type symbol with or without an oxidation state, such as Na, Na1+ or O2-.

    Raises:
        ValueError: it is no element.
    """
    bare = re.sub(r"[0-9]*[+-][0-9]*$", "", symbol.strip()) or symbol
    number = atomic_number(bare) if bare.isalpha() else None
    if number is None:
        raise InputError(f"the type symbol {shorten(symbol)!r} is no element")
    return number
