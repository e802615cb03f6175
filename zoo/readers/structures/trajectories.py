"""Reader of trajectories of ASE in .traj files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...base import MAX_REASON, InputError, shorten
from ..files import Options, Row, Wanted, indices
from .atoms import atoms_row, need_ase


def count(path: Path) -> int:
    """Return the number of structures in a file."""
    with _opened(path) as frames:
        return len(frames)


def read(path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
    """Read only the wanted structures.

    Raises:
        ImportError: ase is not installed.
        ValueError: unreadable file.
    """
    with _opened(path) as frames:
        for i in indices(len(frames), wanted):
            where = f"structure {i + 1}"
            try:
                atoms = frames[i]
            # Which error a broken frame raises depends on what is broken.
            except Exception as error:
                yield Row(i, where, problem=f"not readable: {shorten(error, MAX_REASON) or type(error).__name__}")
            else:
                yield atoms_row(i, where, atoms, atoms.info, options)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    need_ase(path)
    from ase.io import Trajectory

    try:
        frames = Trajectory(path)
        # Each frame has an offset of eight bytes in the file.
        if not 8 * len(frames) <= path.stat().st_size:
            raise InputError(f"it states {len(frames)} structures, more than fit in it: the file is damaged")
    # Damaged headers raise different errors: assertion, index, key and Unicode errors.
    except Exception as error:
        raise InputError(f"{path} is not readable: {shorten(error, MAX_REASON) or type(error).__name__}") from error
    try:
        yield frames
    finally:
        frames.close()
