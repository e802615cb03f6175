"""Structures in .xyz and .extxyz files, by ASE, frame by frame."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .._errors import InputError
from ._atoms import atoms_row, need_ase
from ._row import Options, Row, Wanted, chosen


def count(path: Path) -> int:
    """Return how many frames a file holds."""
    return sum(1 for _ in _frames(path, keep=False))


def read(path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
    """Read the wanted frames.

    Raises:
        ImportError: ase is not installed.
        ValueError: not a file of frames.
    """
    need_ase(path)
    from ase.io import read as read_atoms

    for i, (line, text) in chosen(_frames(path), wanted):
        where = f"line {line}"
        try:
            atoms: Any = read_atoms(io.StringIO(text), index=0, format="extxyz")
        # What a broken frame raises is the business of the reader: value, key and index errors, XYZError.
        except Exception as error:
            yield Row(i, where, problem=f"not readable: {error or type(error).__name__}")
        else:
            yield atoms_row(i, where, atoms, atoms.info, options)


def _frames(path: Path, *, keep: bool = True) -> Iterator[tuple[int, str]]:
    """Yield the line where each frame begins, and its text."""
    line = 0
    try:
        with path.open(encoding="utf-8") as stream:
            while head := stream.readline():
                line += 1
                if not head.strip():
                    continue  # blank lines at the end, or between frames
                if not head.strip().isdigit():
                    raise InputError(
                        f"{path}: line {line} should say how many atoms the next frame has, not {head.strip()[:40]!r}"
                    )
                n = int(head) + 1  # and the comment
                body = [stream.readline() for _ in range(n)] if keep else [stream.readline() and "" for _ in range(n)]
                yield line, head + "".join(body)
                line += n
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: write it anew as such") from error
