"""Selection of the reader of a file."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

from ..base import InputError
from .files import COMPRESSIONS, Reader, Unpacked, inner_name, inner_suffix, open_binary
from .structures import vasp_kind

# suffix -> module; the suffix of a compression may follow.
READERS = {
    **dict.fromkeys((".csv", ".tsv", ".smi", ".smiles", ".ism"), "tables.text_tables"),
    **dict.fromkeys((".parquet", ".feather", ".arrow"), "tables.parquet"),
    **dict.fromkeys((".sdf", ".mol"), "molecules.sdf"),
    ".mol2": "molecules.mol2",
    **dict.fromkeys((".fasta", ".fa", ".faa", ".fas", ".fna", ".fsa"), "tables.fasta"),
    **dict.fromkeys((".xyz", ".extxyz"), "structures.xyz"),
    ".cif": "structures.cif",
    **dict.fromkeys((".vasp", ".poscar", ".gen", ".xsf", ".res"), "structures.ase_files"),
    **dict.fromkeys((".lammpstrj", ".dump"), "structures.lammps"),
    **dict.fromkeys((".json", ".jsonl"), "structures.documents"),
    ".traj": "structures.trajectories",
    **dict.fromkeys((".db", ".aselmdb"), "structures.databases"),
    **dict.fromkeys((".pdb", ".ent", ".mmcif"), "proteins.chains"),
}
# Modules that decompress a file while they read it; others read a decompressed copy.
STREAMED = {
    *(f"structures.{name}" for name in ("xyz", "cif", "ase_files", "lammps", "documents")),
    *("molecules.mol2", "molecules.sdf", "proteins.small_pdb", "proteins.chains"),
    *("tables.text_tables", "tables.json_lines", "tables.fasta"),
}


def reader_of(path: Path) -> Reader | None:
    """Return the reader of a file by its name, and of some suffixes by its content; None if there is no reader."""
    suffix = inner_suffix(path)
    module = READERS.get(suffix) or ("structures.ase_files" if vasp_kind(inner_name(path)) else "")
    if not module:
        return None
    if suffix == ".cif" and _is_macromolecule(path):
        module = "proteins.chains"
    if suffix in (".pdb", ".ent") and _is_small(path):
        module = "proteins.small_pdb"
    if suffix == ".jsonl" and path.is_file() and not _has_structures(path):
        module = "tables.json_lines"
    reader: Reader = importlib.import_module(f"{__package__}.{module}")
    return Unpacked(reader) if path.suffix.lower() in COMPRESSIONS and module not in STREAMED else reader


def is_sample_file(path: Path) -> bool:
    """Return whether the name of a file is that of a file of samples."""
    return path.is_file() and reader_of(path) is not None


def recognises(path: Path) -> bool:
    """Return whether a file in a folder may contain samples: a .json file may contain anything."""
    return inner_suffix(path) != ".json" or _has_structures(path)


def _is_macromolecule(path: Path) -> bool:
    # Names in mmCIF have dots where those in CIF files of crystals have underscores.
    return any(line.lstrip()[:11].lower() == b"_atom_site." for line in _lines(path))


def _has_structures(path: Path) -> bool:
    from .structures import documents

    return documents.recognises(path)


def _is_small(path: Path) -> bool:
    from .proteins import is_small

    return is_small(_lines(path))


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file as far as it can be read; its reader reports what is wrong with it."""
    if not path.is_file():
        return
    try:
        with open_binary(path) as stream:
            yield from stream
    except InputError:
        return
