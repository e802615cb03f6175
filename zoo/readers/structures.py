"""Reader of structures in formats that ASE reads from text: files of VASP, .gen, .xsf and .res."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from .._errors import InputError
from .._text import MAX_REASON, shorten
from ._atoms import atoms_row, need_ase
from ._compressed import inner_name, inner_suffix, read_text
from ._row import Options, Row, Wanted, indices
from ._vasp_names import vasp_kind

# Suffix, or file of VASP -> format of ASE.
FORMATS = {
    **dict.fromkeys((".vasp", ".poscar", "poscar", "contcar"), "vasp"),
    "xdatcar": "vasp-xdatcar",
    "outcar": "vasp-out",
    "vasprun": "vasp-xml",
    ".gen": "gen",
    ".xsf": "xsf",
    ".res": "res",
}


def count(path: Path) -> int:
    """Return the number of structures in a file."""
    return len(_structures(path))


def read(path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
    """Read the wanted structures.

    Raises:
        ImportError: ase is not installed.
        ValueError: unreadable file.
    """
    structures = _structures(path)
    for i in indices(len(structures), wanted):
        where, atoms = f"structure {i + 1}", structures[i]
        if isinstance(atoms, str):
            yield Row(i, where, problem=atoms)
        else:
            yield atoms_row(i, where, atoms, atoms.info, options)


def _structures(path: Path) -> Sequence[Any]:
    """Return the structures of a file; for one that cannot be read, the reason."""
    need_ase(path)
    format_ = FORMATS[vasp_kind(inner_name(path)) or inner_suffix(path)]
    text = read_text(path)
    if not text.strip():
        raise InputError(f"{path} is not readable: it is empty")
    structures: list[Any] = []
    for frame in _xdatcar_frames(text) if format_ == "vasp-xdatcar" else [text]:
        try:
            for atoms in _read(frame, format_):
                structures.append(atoms)
        except InputError as error:
            structures.append(f"not readable: {error}")
    if len(structures) == 1 and isinstance(structures[0], str):
        raise InputError(f"{path} is {structures[0]}")
    if not structures:
        raise InputError(f"{path} contains no structures")
    return structures


def _read(text: str, format_: str) -> Iterator[Any]:
    stated = _stated_atoms(text, format_)
    lines = text.count("\n") + 1
    if max(stated, default=0) > lines:
        raise InputError(f"it states {max(stated)} atoms, but has {lines} lines")
    if format_ == "vasp":
        _check_poscar(text)
    if format_ == "res" and re.search(r"(?im)^(?:SYMM|LATT +(?!-1\b)\S)", text):
        raise InputError(
            "it has symmetry operations, which are not applied: write all atoms of the cell, or a CIF file"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for atoms in _frames(text, format_):
                if len(stated) == 1 and len(atoms) != stated[0]:
                    raise InputError(f"it states {stated[0]} atoms, but has {len(atoms)}")
                yield atoms
    except (InputError, GeneratorExit):
        raise
    # ASE's readers raise different errors: assertion, index and key errors.
    except Exception as error:
        raise InputError(shorten(error, MAX_REASON) or type(error).__name__) from error


def _frames(text: str, format_: str) -> Iterator[Any]:
    from ase.io import iread
    from ase.io.res import Res
    from ase.io.vasp_parsers.vasp_outcar_parsers import OutcarHeaderParser, outcarchunks

    # ASE opens these two by their names only, to look for other files in their folder.
    if format_ == "res":
        yield Res.from_string(text).atoms
    elif format_ == "vasp-out":
        for chunk in outcarchunks(_NamedText(text), header_parser=OutcarHeaderParser()):
            yield chunk.build()
    else:
        stream = io.BytesIO(text.encode()) if format_ == "vasp-xml" else io.StringIO(text)
        yield from iread(stream, index=":", format=format_)


class _NamedText(io.StringIO):
    name = "OUTCAR"


def _stated_atoms(text: str, format_: str) -> list[int]:
    """Return the numbers of atoms that a text states, so that they are checked before room is made for them."""
    lines = text.split("\n", 9)
    if format_ == "gen":
        return _total(lines[0].split()[:1])
    if format_ in ("vasp", "vasp-xdatcar"):
        return next((total for line in lines[5:7] if (total := _total(line.split("!")[0].split()))), [])
    if format_ == "vasp-out":
        return [total for line in re.findall(r"ions per type =([ \d]+)", text)[:1] for total in _total(line.split())]
    if format_ == "xsf":
        return [total for number in re.findall(r"PRIMCOORD[^\n]*\n\s*(\d+)", text) for total in _total([number])]
    return []


def _total(words: Sequence[str]) -> list[int]:
    """Return the sum of words that are numbers, or nothing if one is not."""
    return [sum(map(int, words))] if words and all(w.isascii() and w.isdigit() and len(w) < 19 for w in words) else []


def _check_poscar(text: str) -> None:
    lines = [*text.split("\n", 7), "", "", "", "", "", ""]
    if lines[5].split()[:1] and lines[5].split()[0].isdigit() and not re.search("[A-Z]", lines[0]):
        raise InputError(
            "it does not state its elements, as files of VASP 4: write them in a line before their numbers"
        )


def _xdatcar_frames(text: str) -> Iterator[str]:
    """Yield each configuration of an XDATCAR with the header that precedes it, so that one is read at a time."""
    lines = text.splitlines()
    starts = [i for i, line in enumerate(lines) if "configuration=" in line]
    header = lines[:7]
    for start, end in pairwise([*starts, len(lines)]):
        # A header of seven lines is repeated where the cell changes.
        total = sum(_total(header[6].split())) if len(header) == 7 else 0
        yield "\n".join([*header, *lines[start : min(end, start + 1 + total)], ""])
        if end - start - 1 - total >= 7:
            header = lines[end - 7 : end]
