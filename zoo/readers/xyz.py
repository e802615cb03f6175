"""Reader of structures in .xyz and .extxyz files, with ASE, frame by frame."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .._errors import InputError
from ._atoms import atoms_row, need_ase
from ._row import Options, Row, Wanted, chosen


def count(path: Path) -> int:
    """Return the number of frames in a file."""
    return sum(1 for _ in _frames(path, keep=False))


def read(path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
    """Read the wanted frames.

    Raises:
        ImportError: ase is not installed.
        ValueError: not an .xyz file.
    """
    need_ase(path)
    from ase.io import read as read_atoms

    for i, (line, text) in chosen(_frames(path), wanted):
        where = f"line {line}"
        try:
            atoms: Any = read_atoms(io.StringIO(text), index=0, format="extxyz")
        # A broken frame raises value, key or index errors, or XYZError.
        except Exception as error:
            yield Row(i, where, problem=f"not readable: {error or type(error).__name__}")
        else:
            yield atoms_row(i, where, atoms, atoms.info, options)


def _frames(path: Path, *, keep: bool = True) -> Iterator[tuple[int, str]]:
    """Yield the first line number and the text of each frame."""
    line = 0
    try:
        with path.open(encoding="utf-8") as stream:
            while head := stream.readline():
                line += 1
                if not head.strip():
                    continue  # blank lines at the end, or between frames
                if not head.strip().isdigit():
                    raise InputError(
                        f"{path}: line {line} must be the number of atoms in the next frame, not {head.strip()[:40]!r}"
                    )
                n = int(head) + 1  # atoms and the comment line
                body = [stream.readline() for _ in range(n)] if keep else [stream.readline() and "" for _ in range(n)]
                yield line, head + "".join(body)
                line += n
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: convert it to UTF-8") from error
