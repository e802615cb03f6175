"""Reader of crystals and molecules in formats that ASE reads: .cif, POSCAR, .vasp, .traj."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .._errors import InputError
from .._text import MAX_REASON, shorten
from ._atoms import atoms_row, need_ase
from ._row import Options, Row, Wanted, indices


def count(path: Path) -> int:
    """Return the number of structures in a file."""
    return len(_frames(path))


def read(path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
    """Read the wanted structures.

    Raises:
        ImportError: ase is not installed.
        ValueError: unreadable file.
    """
    frames = _frames(path)
    for i in indices(len(frames), wanted):
        where = f"structure {i + 1}"
        try:
            atoms = frames[i]
        # Which error a broken frame raises depends on the ASE reader.
        except Exception as error:
            yield Row(i, where, problem=f"not readable: {error or type(error).__name__}")
        else:
            yield atoms_row(i, where, atoms, atoms.info, options)


def _frames(path: Path) -> Any:
    need_ase(path)
    import warnings

    from ase.io import Trajectory
    from ase.io import read as read_atoms

    try:
        if path.suffix.lower() == ".traj":
            return Trajectory(path)  # reads frames lazily
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read_atoms(path, index=":", format="cif" if path.suffix.lower() == ".cif" else "vasp")
    # ASE's readers raise different errors: assertion, index and key errors.
    except Exception as error:
        raise InputError(f"{path} is not readable: {shorten(error, MAX_REASON) or type(error).__name__}") from error
