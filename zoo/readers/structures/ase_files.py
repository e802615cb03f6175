"""Reader of structures in formats that ASE reads from text: files of VASP, .gen, .xsf and .res."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...base import MAX_REASON, InputError, shorten
from ..files import Options, Row, Wanted, indices, inner_name, inner_suffix, read_text
from .atoms import atoms_row, need_ase
from .pieces import pieces, summed, with_elements
from .vasp_names import vasp_kind

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
        where, (atoms, remarks) = f"structure {i + 1}", structures[i]
        if isinstance(atoms, str):
            yield Row(i, where, problem=atoms)
        else:
            yield atoms_row(i, where, atoms, atoms.info, options, remarks=remarks)


def _structures(path: Path) -> Sequence[tuple[Any, Mapping[str, str]]]:
    """Return the structures of a file and remarks on them; for a structure that cannot be read, the reason."""
    need_ase(path)
    format_ = FORMATS[vasp_kind(inner_name(path)) or inner_suffix(path)]
    text = read_text(path)
    if not text.strip():
        raise InputError(f"{path} is not readable: it is empty")
    structures: list[tuple[Any, Mapping[str, str]]] = []
    texts = pieces(text, format_)
    while True:
        try:
            piece = next(texts, None)
            if piece is None:
                break
            structures += _read(piece, format_)
        except InputError as error:
            structures.append((f"not readable: {error}", {}))
    if len(structures) == 1 and isinstance(structures[0][0], str):
        raise InputError(f"{path} is {structures[0][0]}")
    if not structures:
        raise InputError(f"{path} contains no structures")
    return structures


def _read(text: str, format_: str) -> Iterator[tuple[Any, Mapping[str, str]]]:
    stated = _stated_atoms(text, format_)
    lines = text.count("\n") + 1
    if max(stated, default=0) > lines:
        raise InputError(f"it states {shorten(max(stated))} atoms, but has {lines} lines")
    remarks: dict[str, str] = {}
    if format_ in ("vasp", "vasp-xdatcar"):
        text = with_elements(text, remarks)
    if format_ == "res":
        _check_res(text)
    none = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for atoms in _frames(text, format_):
                if len(stated) == 1 and len(atoms) != stated[0]:
                    raise InputError(f"it states {stated[0]} atoms, but has {len(atoms)}")
                none = False
                yield atoms, remarks
    except (InputError, GeneratorExit):
        raise
    # ASE's readers raise different errors: assertion, index and key errors.
    except Exception as error:
        raise InputError(shorten(error, MAX_REASON) or type(error).__name__) from error
    if none and format_ == "vasp-xdatcar":
        raise InputError("the configuration has no atoms")


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
        return summed(lines[0].split()[:1])
    if format_ in ("vasp", "vasp-xdatcar"):
        return next((total for line in lines[5:7] if (total := summed(line.split("!")[0].split()))), [])
    if format_ == "vasp-out":
        return [total for line in re.findall(r"ions per type =([ \d]+)", text)[:1] for total in summed(line.split())]
    if format_ == "xsf":
        return [total for number in re.findall(r"PRIMCOORD[^\n]*\n\s*(\d+)", text) for total in summed([number])]
    return []


def _check_res(text: str) -> None:
    """Raise InputError if a .res file has symmetry operations or partial occupancies, which ASE ignores."""
    lattice = re.search(r"(?im)^LATT +(\S+)", text)
    # Without LATT, a file of SHELX has a centre of inversion; AIRSS writes LATT -1.
    shelx = re.search(r"(?im)^(?:ZERR|FVAR|HKLF)\b", text)
    if re.search(r"(?im)^SYMM", text) or (lattice[1] != "-1" if lattice else shelx):
        raise InputError(
            "it has symmetry operations, which are not applied: write all atoms of the cell, or a CIF file"
        )
    for label, *_, occupancy in re.findall(r"(?m)^\s*([A-Za-z]\w*)\s+\d+((?:\s+[-\d.]+){3})\s+([-\d.]+)", text):
        try:
            fraction = float(occupancy)
        except ValueError:
            raise InputError(f"the occupancy of {shorten(label)} is {shorten(occupancy)!r}") from None
        # SHELX adds 10 to parameters that are not refined.
        if abs(fraction - (10 if fraction > 5 else 0) - 1) > 0.01:
            raise InputError(
                f"it has partially occupied sites: make an ordered structure first (site {shorten(label)})"
            )
