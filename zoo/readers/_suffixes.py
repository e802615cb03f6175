"""Selection of the reader of a file."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from ._row import Options, Row, Wanted

# suffix -> module; .gz may follow the suffix if the module is in PACKED.
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
# VASP files have fixed names without suffixes.
NAMES = ("POSCAR", "CONTCAR")


class Reader(Protocol):
    """The interface of the modules of this package."""

    def count(self, path: Path) -> int:
        """Return the number of samples in a file."""

    def read(self, path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
        """Read the wanted samples, or all, in file order."""


def reader_of(path: Path) -> Reader | None:
    """Return the reader of a file by its name, and of a .cif by its content; return None if there is no reader."""
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
    # Names in mmCIF have dots where those in CIF files of crystals have underscores.
    with path.open("rb") as stream:
        return any(line.lstrip().startswith(b"_atom_site.") for line in stream)
