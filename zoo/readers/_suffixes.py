"""Which reader takes which file."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from ._row import Options, Row, Wanted

# suffix -> module; any of them may stand before .gz where its module is among PACKED.
READERS = {
    **dict.fromkeys((".csv", ".tsv", ".smi"), "tables"),
    ".parquet": "parquet",
    ".sdf": "sdf",
    **dict.fromkeys((".fasta", ".fa", ".faa"), "fasta"),
    **dict.fromkeys((".xyz", ".extxyz"), "xyz"),
    **dict.fromkeys((".cif", ".vasp", ".poscar", ".traj"), "structures"),
    **dict.fromkeys((".db", ".aselmdb"), "databases"),
    **dict.fromkeys((".pdb", ".ent", ".mmcif"), "chains"),
}
PACKED = ("tables", "sdf", "fasta", "chains")
# Files of VASP have names in place of suffixes.
NAMES = ("POSCAR", "CONTCAR")


class Reader(Protocol):
    """What the modules of this package offer."""

    def count(self, path: Path) -> int:
        """Return how many samples a file holds."""

    def read(self, path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
        """Read the wanted samples in the order of the file, or all."""


def reader_of(path: Path) -> Reader | None:
    """Return the reader of a file by its name, and of a .cif by its content; None where there is none."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = suffixes[-1:] == [".gz"]
    suffix = "".join(suffixes[-2:-1] if packed else suffixes[-1:])
    module = "structures" if path.name.upper() in NAMES else READERS.get(suffix)
    if suffix == ".cif" and path.is_file() and (packed or _is_macromolecule(path)):
        module = "chains"
    if module is None or (packed and module not in PACKED):
        return None
    return importlib.import_module(f"{__package__}.{module}")


def _is_macromolecule(path: Path) -> bool:
    # mmCIF has dots in its names where the CIF of crystals has underscores.
    with path.open("rb") as stream:
        return any(line.lstrip().startswith(b"_atom_site.") for line in stream)
