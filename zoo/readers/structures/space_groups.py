"""Space groups by the names that files give them; the settings of a group differ in axes, cell or origin."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_ORIGIN = re.compile(r"origin *(?:choice)? *([12])")
_NUMBER = re.compile(r"[ ,]*\bno\.? *[0-9]+$")
_SUFFIX = re.compile(r"(?:: *([12])|[: ] *(?:o|origin)([12])|:? *([szhr])|:? *(rhombohedral|hexagonal)(?: axes)?)$")
_EXTENSIONS = {"s": "1", "z": "2", "h": "H", "r": "R", "rhombohedral": "R", "hexagonal": "H"}
_MONOCLINIC = range(3, 16)


def settings_of_number(number: int) -> list[Any]:
    """Return the groups of gemmi with a number, one for each setting, the conventional ones first."""
    import gemmi

    return _by_origin([group for group in gemmi.spacegroup_table() if group.number == number])


def settings_of_name(name: str) -> list[Any]:
    """Return the groups of gemmi that a Hermann-Mauguin name may mean, the conventional one first.

    A name without the unique axis, such as P 21/n, means each monoclinic setting of that symbol, and a name without an
    origin or the cell of a rhombohedral group means both. Spellings of screw axes such as 2(1), 2_1 and 2sub1, remarks
    such as (no. 14), suffixes of origin and cell (S, Z, O1, :2, :H) and full symbols are understood.

    Returns:
        Groups; none if the name is not known.
    """
    import gemmi

    symbol, extension = _normalised(name)
    group = gemmi.find_spacegroup_by_name(name) or _found(symbol)
    if group is None:  # such as P 21/b, whose only settings have another unique axis than b
        every = (settings_of_number(number) for number in _MONOCLINIC)
        return [other for settings in every for other in settings if _without_ones(other) == _compact(symbol)]
    same = [other for other in settings_of_number(group.number) if _compact(other.hm) == _compact(group.hm)]
    if group.number in _MONOCLINIC and _compact(symbol) != _compact(group.hm):
        same += [
            other
            for other in settings_of_number(group.number)
            if _without_ones(other) == _without_ones(group) and other.hm != group.hm
        ]
    return [other for other in same if not extension or other.ext == extension]


def _normalised(name: str) -> tuple[str, str]:
    """Return a symbol in lower case as gemmi writes it, and the extension for origin or cell."""
    text = name.strip().lower().replace("\u2212", "-").replace("'", "").replace('"', "")
    origin = _ORIGIN.search(text)
    text = re.sub(r"([1-6]) *(?:\( *([1-5]) *\)|_\{?([1-5])\}?|sub *\(?([1-5])\)?)", r"\1\2\3\4", text)
    text = re.sub(r"[\[(].*", "", text).strip()
    text = _NUMBER.sub("", text).strip(" ,_")
    suffix = _SUFFIX.search(text)
    extension = origin[1] if origin else ""
    if suffix and suffix.start() > 1:
        text = text[: suffix.start()].strip()
        word = next(filter(None, suffix.groups()))
        extension = extension or _EXTENSIONS.get(word, word)
    return re.sub(r"[ _]+", " ", _ORIGIN.sub("", text)).strip(), extension


def _found(symbol: str) -> Any:
    import gemmi

    # Of full symbols, which only groups with inversion have, the mirror or glide plane remains.
    planes = re.sub(r"2[1]?/([abcdemn])", r"\1", symbol)
    cubic = re.sub(r"^([pfi]) *4[1-3]?/([abcdmn])(?= *-3)", r"\1 \2", planes)
    spellings = [symbol, symbol.replace(" ", ""), cubic, cubic.replace(" ", "")]
    if match := re.fullmatch(r"([pabcif])(1?)(21?(?:/[abcdn])?|[abcdmn])(1?)", symbol.replace(" ", "")):
        lattice, before, axis, after = match.groups()
        spellings[2:2] = [f"{lattice} 1 {axis} 1"] if before or after else []
    for spelling in spellings:
        group = gemmi.find_spacegroup_by_name(spelling[:1].upper() + spelling[1:])
        whole = _compact(spelling) == _compact(symbol)
        if group is not None and (whole or group.number in _MONOCLINIC or group.is_centrosymmetric()):
            return group
    return None


def _by_origin(groups: Sequence[Any]) -> list[Any]:
    # The second origin, at a centre of inversion, is the usual one in data bases.
    order = {"2": 0, "1": 1}
    hms = list(dict.fromkeys(group.hm for group in groups))
    return sorted(groups, key=lambda group: (hms.index(group.hm), order.get(group.ext, 0)))


def _compact(text: str) -> str:
    return text.replace(" ", "").lower()


def _without_ones(group: Any) -> str:
    return "".join(part for part in group.hm.lower().split() if part != "1")
