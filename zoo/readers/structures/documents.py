"""Reader of structures in JSON: of pymatgen, the Materials Project, matbench, JARVIS and ASE."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ...base import MAX_REASON, InputError, shorten
from ..files import Options, Row, Wanted, indices, open_binary, read_text
from .atoms import atoms_row, need_ase
from .document_kinds import Document, documents

# One of these is near the beginning of each kind of file.
MARKS = (b'"sites"', b'"lattice', b'"positions"', b'"numbers"', b'"coords"', b'"structure"', b'"structures"')
PEEK = 1 << 20  # bytes


def recognises(path: Path) -> bool:
    """Return whether a file in a folder contains structures: .json files may contain anything."""
    try:
        with open_binary(path) as stream:
            head = stream.read(PEEK)
    except InputError:
        return True  # so that the damage is reported
    return any(mark in head for mark in MARKS)


def count(path: Path) -> int:
    """Return the number of structures in a file."""
    return len(_documents(path))


def read(path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
    """Read the wanted structures; the id is that of the document, or the key under which it is.

    Raises:
        ImportError: ase is not installed.
        ValueError: not JSON, or no structures.
    """
    found = _documents(path)
    for i in indices(len(found), wanted):
        document = found[i]
        where = f"structure {i + 1}"
        remarks: dict[str, str] = {}
        try:
            atoms = document.atoms(remarks)
        # A document that is not complete raises key, type and value errors.
        except Exception as error:
            reason = f"{type(error).__name__} {error}" if isinstance(error, KeyError) else str(error)
            yield Row(i, where, document.id, problem=f"not readable: {shorten(reason, MAX_REASON)}")
        else:
            yield atoms_row(
                i, where, atoms, {**atoms.info, **document.facts}, options, id_=document.id, remarks=remarks
            )


def _documents(path: Path) -> Sequence[Document]:
    need_ase(path)
    text = read_text(path)
    try:
        found = documents(_parsed(text))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not readable: {shorten(error, MAX_REASON)}") from error
    if not found:
        raise InputError(f"{path} contains no structures of pymatgen, ASE or JARVIS")
    ids = [document.id for document in found]
    if len(set(ids)) < len(ids):  # of several steps of one material
        found = [Document(f"{d.id}:{i}" if d.id else "", d.structure, d.facts) for i, d in enumerate(found)]
    return found


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2 or not lines[0].lstrip().startswith(("{", "[")):
            raise
        try:
            return [json.loads(line) for line in lines]  # one document per line
        except ValueError:
            pass
        raise
