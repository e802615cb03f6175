"""The entries of a coordinate file: the data blocks of an mmCIF file, or the parts of a PDB file that END closes."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...base import MAX_REASON, InputError, MissingPackageError, install_command, shorten
from ..files import open_binary
from .amino_acids import narrow_names

# gemmi passes on the exceptions of the C++ library as these.
GEMMI_ERRORS = (RuntimeError, ValueError, IndexError, KeyError, OverflowError)
UNREADABLE = "not readable: "
_END = re.compile(r"^END(?:   .*|[ \t\r]*)\n", re.MULTILINE | re.IGNORECASE)
_ATOMS = re.compile(r"^(?:ATOM  |HETATM)", re.MULTILINE | re.IGNORECASE)
# An atom whose coordinates may not be numbers: they have other characters, or eight blanks in a row.
_PLACE = re.compile(r"^((?:ATOM  |HETATM).{24})(?=.{0,23}[^\s\d.+-]|.{0,16} {8})(.{24})", re.MULTILINE | re.IGNORECASE)
_CELL = re.compile(r"^CRYST1.*", re.MULTILINE | re.IGNORECASE)
_HEADER = re.compile(r"^HEADER", re.MULTILINE | re.IGNORECASE)


@dataclass
class Entry:
    """A structure of a file.

    Args:
        name: name of the data block, or number of the part of a PDB file; unique in the file.
        structure: structure of gemmi; None if it was not read.
        problem: why it was not read.
        models: number of models.
    """

    name: str
    structure: Any = None
    problem: str = ""
    models: int = 0


def read_entries(path: Path) -> list[Entry]:
    """Read the structures of a PDB or mmCIF file, recognised by their content.

    Raises:
        ImportError: gemmi is not installed.
        ValueError: not a PDB or mmCIF file.
    """
    try:
        import gemmi  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(f"{path}: reading structures needs gemmi: {install_command('gemmi')}") from error
    with open_binary(path) as stream:
        # Other characters are in comments and names of authors. gemmi counts the bytes of a line.
        text = stream.read().decode("ascii", "replace").replace("\ufffd", "?")
    try:
        if re.search(r"^data_", text, re.MULTILINE | re.IGNORECASE) is None:
            return _parts(without_stars(narrow_names(text)))
        return _blocks(text)
    except GEMMI_ERRORS as error:
        raise InputError(f"{path}: not readable as a structure: {shorten(error, MAX_REASON)}") from error


def split_at_end(text: str) -> list[tuple[str, bool]]:
    """Split a PDB file where END closes a part, because gemmi reads up to the first END.

    Returns:
        The parts that contain atoms, or the text if none does; and whether a part is a frame: it has the same atoms as
        the part before it at other places, as programs of molecular dynamics write them. A frame without a cell has
        that of the part before it.
    """
    parts = [part for part in _END.split(text) if _ATOMS.search(part)] or [text]
    result = [(parts[0], False)]
    for part in parts[1:]:
        earlier = result[-1][0]
        frame = _names(part) == _names(earlier) and not _HEADER.search(part)
        cell = _CELL.search(earlier) if frame and not _CELL.search(part) else None
        result.append((f"{cell[0]}\n{part}" if cell else part, frame))
    return result


def _names(part: str) -> list[str]:
    return [line[12:27] for line in part.splitlines() if _ATOMS.match(line)]


def without_stars(text: str) -> str:
    """Replace coordinates that are not numbers, such as ``********`` of an overflow, by NaN; gemmi reads them as 0."""
    return _PLACE.sub(lambda match: match[1] + "".join(_place(match[2][i : i + 8]) for i in (0, 8, 16)), text)


def _place(text: str) -> str:
    try:
        float(text)
    except ValueError:
        return "     nan"
    return text


def _parts(text: str) -> list[Entry]:
    parts = split_at_end(text)
    entries: list[Entry] = []
    for part, frame in parts:
        if frame:
            entries[-1].models += 1
            continue
        entry = Entry(str(len(entries) + 1))
        try:
            entry.structure = _parse_pdb(part)
            entry.models = len(entry.structure)
        except GEMMI_ERRORS as error:
            if len(parts) == 1:
                raise
            entry.problem = f"{UNREADABLE}{shorten(error, MAX_REASON)}"
        entries.append(entry)
    return entries


def _blocks(text: str) -> list[Entry]:
    import gemmi

    document = gemmi.cif.read_string(text)
    entries = []
    names: Counter[str] = Counter()
    for block in document:
        if not (block.find_values("_atom_site.Cartn_x") or block.find_values("_atom_site_label")):
            continue  # a dictionary of residues, diffraction data, a publication
        names[block.name] += 1
        entry = Entry(block.name if names[block.name] == 1 else f"{block.name}-{names[block.name]}")
        if not block.find_values("_atom_site.Cartn_x"):
            entry.problem = "a crystal"
        else:
            try:
                entry.structure = gemmi.make_structure_from_block(block)
                entry.structure.merge_chain_parts()
                entry.models = len(entry.structure)
            except GEMMI_ERRORS as error:
                entry.problem = f"{UNREADABLE}{shorten(error, MAX_REASON)}"
        entries.append(entry)
    if len(entries) == 1 and entries[0].problem.startswith(UNREADABLE):
        raise InputError(entries[0].problem.removeprefix(UNREADABLE))
    return entries


def _parse_pdb(text: str) -> Any:
    import gemmi

    try:
        return gemmi.read_pdb_string(text, split_chain_on_ter=True)
    except RuntimeError as error:
        if "charge" not in str(error):
            raise
        # Before 1996, the code of the entry and the line number were in the columns of the charge.
        return gemmi.read_pdb_string(text, max_line_length=72, split_chain_on_ter=True)
