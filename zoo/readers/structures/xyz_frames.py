"""Frames of .xyz files: a line with the number of atoms, a comment line, and a line for each atom."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ...base import InputError, shorten
from ..files import open_text

_NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eEdD][-+]?[0-9]+)?"
_ATOM = re.compile(rf"\s*(?:[A-Za-z]{{1,2}}[0-9]*|[0-9]{{1,3}})(?:\s+{_NUMBER}){{3}}\b")


@dataclass(frozen=True)
class Frame:
    """The lines of a frame.

    Args:
        line: number of its first line, from 1.
        comment: the comment line; empty if there is none.
        atoms: the lines of the atoms.
        vectors: lines with cell vectors (VEC1, ...) that follow the atoms.
        smiles: SMILES that follows the atoms in a file of GDB-9.
        has_comment: whether it has a comment line.
        is_gdb9: whether it has the comment line of GDB-9.
        problem: why the frame cannot be read, or "".
    """

    line: int
    comment: str
    atoms: Sequence[str]
    vectors: Sequence[str] = ()
    smiles: str = ""
    has_comment: bool = True
    is_gdb9: bool = False
    problem: str = ""


def frames(path: Path) -> Iterator[Frame]:
    """Yield the frames of a file.

    After a frame with a wrong number of atoms, reading goes on at the next line that is a single integer.

    Raises:
        ValueError: the file does not begin with a number of atoms.
    """
    with open_text(path, errors="replace") as stream:
        lines = _Lines(stream)
        if (first := lines.peek()) and not _is_count(first):
            raise InputError(
                f"{path}: line {lines.number + 1} must be the number of atoms in the next frame, not "
                f"{shorten(first.strip(), 40)!r}"
            )
        while lines.peek():
            yield _frame(lines)


class _Lines:
    """Lines with their numbers, of which the next one can be looked at."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream, self._next, self.number = stream, "", 0

    def take(self) -> str:
        """Return the next line, or "" at the end."""
        line, self._next = self._next or self._stream.readline(), ""
        self.number += bool(line)
        return line

    def peek(self, *, blank: bool = False) -> str:
        """Return the next line without taking it, or "" at the end; blank lines are skipped unless they count."""
        while True:
            self._next = self._next or self._stream.readline()
            if blank or not self._next or self._next.strip():
                return self._next
            self.take()


def _frame(lines: _Lines) -> Frame:
    n = int(lines.take())
    line = lines.number
    comment = lines.take().strip()
    atoms: list[str] = []
    while len(atoms) < n and len(lines.peek(blank=True).split(None, 4)) >= 4:
        atoms.append(lines.take())
    has_comment = True
    if len(atoms) == n - 1 and _ATOM.match(comment) and _is_end(lines.peek()):
        atoms, comment, has_comment = [comment, *atoms], "", False
    vectors: list[str] = []
    while len(vectors) < 3 and lines.peek().lstrip().startswith("VEC"):
        vectors.append(lines.take().strip())
    gdb9 = _is_gdb9(comment)
    # Frequencies, SMILES and InChI.
    tail = [lines.take() for _ in range(3)] if gdb9 and len(atoms) == n else []
    smiles = (tail[1].split() or [""])[-1] if tail else ""
    problem = ""
    if len(atoms) < n:
        problem = f"it states {shorten(n)} atoms, but only {len(atoms)} lines with atoms follow"
    elif not _is_end(lines.peek()):
        stray = shorten(lines.peek().strip(), 40)
        problem = f"line {lines.number + 1} must be the number of atoms in the next frame, not {stray!r}"
    while not _is_end(lines.peek()):
        lines.take()
    return Frame(line, comment, [a.strip() for a in atoms], vectors, smiles, has_comment, gdb9, problem)


def _is_end(line: str) -> bool:
    return not line or _is_count(line)


def _is_count(line: str) -> bool:
    text = line.strip()
    return text.isascii() and text.isdigit() and len(text) < 20


def _is_gdb9(comment: str) -> bool:
    words = comment.split()
    return len(words) == 17 and words[0] == "gdb" and words[1].isdigit()
