"""Reader of crystals and molecules in .cif files, with gemmi, block by block."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from ...base import MAX_REASON, InputError, MissingPackageError, install_command, shorten
from ..files import Options, Row, Wanted, indices, read_text
from .atoms import atoms_row, need_ase
from .cif_block import STRUCTURE, atoms_of_block, has_sites


def count(path: Path) -> int:
    """Return the number of structures in a file."""
    return len(_blocks(path))


def read(path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
    """Read the wanted structures; blocks without sites, such as those on a publication, are not counted.

    Raises:
        ImportError: ase or gemmi is not installed.
        ValueError: not a CIF file.
    """
    need_ase(path)
    blocks = _blocks(path)
    for i in indices(len(blocks), wanted):
        name, block = blocks[i]
        where = f"block {shorten(name)}"
        try:
            if isinstance(block, str):
                raise InputError(block)
            atoms, remarks = atoms_of_block(block)
        except ValueError as error:
            yield Row(i, where, problem=str(error))
        else:
            yield atoms_row(i, where, atoms, _facts(block), options, remarks=remarks)


def _blocks(path: Path) -> Sequence[tuple[str, Any]]:
    """Return the names of the blocks that contain sites, and the blocks; for an unreadable one, the reason."""
    try:
        import gemmi  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(f"{path}: reading .cif needs gemmi: {install_command('gemmi')}") from error
    text = read_text(path)
    try:
        parsed = [(block.name, block) for block in _parsed(text)]
    except InputError:
        # Block by block, so that an unreadable one does not affect the others.
        starts = [match.start() for match in re.finditer(r"^[ \t]*data_", text, re.IGNORECASE | re.MULTILINE)]
        parts = [text[a:b] for a, b in pairwise([*starts, len(text)])]
        parsed = [pair for part in parts if STRUCTURE.search(part) for pair in _one(part)]
    blocks = [(name, block) for name, block in parsed if isinstance(block, str) or has_sites(block)]
    if not blocks:
        raise InputError(f"{path} is not readable: it has no data block with atom sites")
    return blocks


def _one(text: str) -> Iterator[tuple[str, Any]]:
    try:
        yield from ((block.name, block) for block in _parsed(text))
    except InputError as error:
        yield text.split(None, 1)[0][5:], str(error)


def _parsed(text: str) -> Any:
    import gemmi

    try:
        # Duplicated tags are not errors: many programs write some, and the first is used.
        return gemmi.cif.read_string(text, check_level=0)
    except (RuntimeError, ValueError, IndexError) as error:
        raise InputError(f"not readable: {shorten(error, MAX_REASON)}") from error


def _facts(block: Any) -> dict[str, Any]:
    """Return the single values of a block by their tags, without the first underscore."""
    import gemmi

    pairs = (item.pair for item in block if item.pair is not None)
    return {tag.lstrip("_"): gemmi.cif.as_string(value) for tag, value in pairs if not gemmi.cif.is_null(value)}
