"""Structures that follow one another in a text, and the elements in the header of a POSCAR."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from ...base import InputError, shorten
from .elements import ISOTOPES, atomic_number

LARGE = 10**18  # a count with more digits
FROM_COMMENT = "elements taken from the comment line"
_CONFIGURATION = re.compile(r"configuration *= *", re.IGNORECASE)
_GEN = re.compile(r"\s*[0-9]+\s+[A-Za-z]\b")


def summed(words: Sequence[str]) -> list[int]:
    """Return the sum of words that are numbers, or nothing if one is not."""
    if not words or not all(word.isascii() and word.isdigit() for word in words):
        return []
    return [sum(int(word) if len(word) < 19 else LARGE for word in words)]


def pieces(text: str, format_: str) -> Iterator[str]:
    """Yield the text of each structure, for the formats of ASE that it reads one at a time."""
    if format_ == "vasp-xdatcar":
        yield from _configurations(text.splitlines())
    elif format_ == "vasp":
        yield from _poscars(text.splitlines())
    elif format_ == "gen":
        yield from _gens([line for line in text.splitlines() if not line.lstrip().startswith("#")])
    elif format_ == "res":
        starts = [match.start() for match in re.finditer(r"^TITL\b", text, re.MULTILINE)]
        yield from (text[a:b] for a, b in pairwise([0, *starts[1:], len(text)]))
    else:
        yield text


def with_elements(text: str, remarks: dict[str, str]) -> str:
    """Return a POSCAR, or a configuration of an XDATCAR, with element symbols as ASE reads them.

    A file of VASP 4 has no line of elements. Its comment line is used if it consists of one element for each number.

    Raises:
        ValueError: the elements are not stated, or a word is no element.
    """
    lines = text.split("\n", 6)
    words = lines[5].split("!")[0].split() if len(lines) > 5 else []
    if summed(words):
        names = lines[0].split()
        if len(names) != len(words) or not all(name in _symbols() for name in names):
            raise InputError(
                "it does not state its elements, as files of VASP 4: write them in a line before their numbers"
            )
        remarks[FROM_COMMENT] = shorten(" ".join(names))
        return "\n".join([*lines[:5], " ".join(names), *lines[5:]])
    symbols = []
    for word in words:
        name = re.split("[/_.]", word)[0]  # without the variant of the pseudopotential
        number = atomic_number(name) if name.isalpha() else None
        if number is None:
            raise InputError(f"{shorten(word)!r} in the line of its elements is no element")
        if name.upper() in ISOTOPES:
            remarks["deuterium and tritium are read as hydrogen"] = ""
        symbols.append(_symbols()[number])
    return "\n".join([*lines[:5], " ".join(symbols), *lines[6:]])


def _symbols() -> Sequence[str]:
    from ase.data import chemical_symbols

    return chemical_symbols


def _configurations(lines: Sequence[str]) -> Iterator[str]:
    """Yield each configuration of an XDATCAR with the header that precedes it, so that one is read at a time."""
    starts = [i for i, line in enumerate(lines) if _CONFIGURATION.search(line)]
    header = lines[:7]
    for start, end in pairwise([*starts, len(lines)]):
        # A header of seven lines is repeated where the cell changes.
        n = sum(summed(header[6].split())) if len(header) == 7 else 0
        title = _CONFIGURATION.sub("configuration= ", lines[start])
        yield "\n".join([*header, title, *lines[start + 1 : min(end, start + 1 + n)], ""])
        while end > start and not lines[end - 1].strip():
            end -= 1
        if end - start > 7 and _poscar_atoms(lines[end - 7 : end]):
            header = lines[end - 7 : end]


def _poscars(lines: Sequence[str]) -> Iterator[str]:
    """Yield the POSCARs that were appended to one another; velocities belong to the one before them."""
    start = 0
    while n := _poscar_atoms(lines[start : start + 7]):
        # The header has at least seven lines with that of the coordinates.
        begin = min(start + 7 + n[0], len(lines))
        end = next((i for i in range(begin, len(lines) - 6) if _poscar_atoms(lines[i : i + 7])), len(lines))
        yield "\n".join([*lines[start:end], ""])
        start = end
    if start == 0:
        yield "\n".join([*lines, ""])  # ASE says what is wrong with it


def _poscar_atoms(header: Sequence[str]) -> list[int]:
    """Return the number of atoms that the first seven lines of a POSCAR state; nothing if they are none."""
    if len(header) < 7 or len(header[1].split("!")[0].split()) not in (1, 3):
        return []
    if not all(_floats(line) for line in header[1:5]) or any(len(line.split()) < 3 for line in header[2:5]):
        return []
    counts = next((n for line in header[5:7] if (n := summed(line.split("!")[0].split()))), [])
    return counts if sum(counts) else []


def _floats(line: str) -> bool:
    try:
        return bool([float(word) for word in line.split("!")[0].split()[:3]])
    except ValueError:
        return False


def _gens(lines: Sequence[str]) -> Iterator[str]:
    start = 0
    while start < len(lines):
        words = lines[start].split()
        n = summed(words[:1])
        # Two lines of header, the atoms, and the origin and the vectors of a cell.
        end = start + 2 + sum(n) + (4 if words[1:2] and words[1].upper() in ("S", "F") else 0)
        if start and not _GEN.match(lines[start]):
            raise InputError(f"line {start + 1} must be the number of atoms of another structure, or the file must end")
        while end < len(lines) and not lines[end].strip():
            end += 1
        yield "\n".join([*lines[start:end], ""])
        start = end if n else len(lines)
