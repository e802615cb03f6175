"""Data sets in files of the user."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .._cache import file_sha256
from .._errors import InputError, MissingFileError
from .._samples import Dataset, Sample
from .._text import MAX_REASON, did_you_mean, shorten
from ..readers import READERS, Options, Reader, Row, Wanted, reader_of

DOMAINS = {"smiles": "molecules", "selfies": "molecules", "sequence": "proteins", "backbone": "proteins"}
SHOWN = 3  # skipped samples that a message lists
LARGE = 10**9  # bytes; the hashing of larger files is announced


def read_dataset(
    path: str | os.PathLike[str],
    *,
    n: int | None = None,
    seed: int | None = 0,
    column: str = "",
    view: str = "",
    id_column: str = "",
    labels: Sequence[str] = (),
    canonical: bool = True,
    notify: Callable[[str], None] | None = None,
) -> Dataset:
    """Read samples from a file, or from all files of a folder in the order of their names.

    The suffix determines the format:

    ================================  ============================================================================
    .csv, .tsv, .parquet              a column of SMILES, SELFIES or sequences; a header line
    .smi                              a SMILES string and optionally an id on each line
    .sdf                              SMILES; also atoms, if all atoms and hydrogens have coordinates
    .fasta, .fa, .faa                 sequences; the first word of a title is the id
    .xyz, .extxyz                     atoms, one structure per frame; the energy, in eV, becomes a label
    .cif, .vasp, .poscar, .traj       atoms, read by ASE; also files named POSCAR or CONTCAR
    .db, .aselmdb                     atoms from a database of ASE, or of OMat24, sAlex and OMol25
    .pdb, .ent, .mmcif, .cif          protein chains with sequence and backbone; a .cif if it is mmCIF
    ================================  ============================================================================

    Text tables, .sdf, .fasta, .pdb and .mmcif files may be compressed (.gz). Of a large file only the drawn samples are
    kept in memory, and of a database or Parquet table only those are read.

    Args:
        path: the file or folder.
        n: number of samples; default all.
        seed: seed of the random draw ``numpy.random.default_rng(seed).permutation(total)[:n]``, in that order, so that
            draws with the same seed are nested; None takes the first n.
        column: column of a table to read; default the one named smiles, selfies, sequence or similar.
        view: content of that column, ``smiles``, ``selfies`` or ``sequence``; default inferred from its name.
        id_column: column, property or key with the ids; ``#`` numbers the samples from 1. Default the column ``id`` of
            a table, the title in .sdf and .fasta, file and chain of a protein, else numbers.
        labels: numeric columns, properties or keys that become labels.
        canonical: convert SMILES of tables to the canonical form of RDKit; False keeps them as written.
        notify: called with one line about skipped samples, and before a large file is hashed.

    Returns:
        Dataset named after the file. Entries that are not valid samples (unreadable SMILES, coordinates that are not
        finite, sites of partial occupancy) are in ``left_out``, with their location and the reason.

    Raises:
        FileNotFoundError: no such file.
        ValueError: unknown format, unreadable file, missing column, duplicated id, or no valid sample.
        ImportError: a library that reads the format is not installed.
    """
    path = Path(path)
    report = notify or (lambda line: None)
    options = Options(column, view, id_column, tuple(labels), canonical)
    if n is not None and n < 1:
        raise InputError(f"n must be at least 1; got {n}")
    if seed is not None and seed < 0:
        raise InputError(f"a seed is 0 or greater; got {seed}")
    parts = _parts(path)
    rows, how = _rows(path, parts, n, seed, options)
    if (column or view or not canonical) and rows and not any(row.column for _, row in rows):
        raise InputError(f"{path} is not a table: --column, --view and --as-written do not apply")
    samples, left_out = _samples(path, rows)
    if left_out:
        shown = "; ".join(
            f"{shorten(id_)} ({shorten(reason, MAX_REASON)})" for id_, reason in list(left_out.items())[:SHOWN]
        )
        more = f"; and {len(left_out) - SHOWN} more" if len(left_out) > SHOWN else ""
        message = f"{len(left_out)} of {len(rows)} samples of {path.name} skipped: {shown}{more}"
        if not samples:
            raise InputError(f"{path} has no valid samples: {message}")
        report(message)
    elif not samples:
        raise InputError(f"{path} contains no samples")
    sha256 = _sha256(path, parts, report)
    columns = {row.column for _, row in rows if row.column}
    views = set.intersection(*({v for v in DOMAINS | {"atoms": ""} if getattr(s, v) is not None} for s in samples))
    if not views:
        raise InputError(f"the files of {path} have no view in common: read them as separate data sets")
    facts = [f"{path.name} sha256 {sha256}", *(f"column {name}" for name in sorted(columns)), how]
    facts += [f"{len(left_out)} left out"] if left_out else []
    facts += [_rdkit()] if "smiles" in views and (canonical or not columns) else []
    domain = next((DOMAINS[v] for v in DOMAINS if v in views), "")
    if not domain:
        domain = "materials" if any(s.atoms is not None and s.atoms.pbc.any() for s in samples) else "molecules"
    units = {"energy": "eV"} if "atoms" in views and any("energy" in s.labels for s in samples) else {}
    name = path.resolve().name
    return Dataset(name, samples, domain, "none stated", ", ".join(facts), units, left_out=left_out)


@dataclass(frozen=True)
class _Part:
    """A file and its reader; the prefix, set for files of a folder, precedes the numbers that serve as ids."""

    path: Path
    reader: Reader
    prefix: str


def is_file_name(name: str) -> bool:
    """Return whether a name refers to a file or folder rather than to a built-in data set."""
    return os.sep in name or reader_of(Path(name)) is not None or Path(name).exists()


def _parts(path: Path) -> list[_Part]:
    if not path.exists():
        names = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise MissingFileError(f"{path} does not exist{did_you_mean(path.name, names)}")
    supported = f"supported files end in {', '.join(READERS)}, or are named POSCAR or CONTCAR"
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
        readable = [(p, reader) for p in files if (reader := reader_of(p)) is not None]
        if not readable:
            raise InputError(f"{path} contains no supported files: {supported}")
        prefixes = [_prefix(p.relative_to(path)) for p, _ in readable]
        if len(set(prefixes)) < len(prefixes):
            prefixes = [p.relative_to(path).as_posix() for p, _ in readable]
        return [_Part(p, reader, prefix) for (p, reader), prefix in zip(readable, prefixes, strict=True)]
    reader = reader_of(path)
    if reader is None:
        raise InputError(f"{path} is not a supported file: {supported}")
    return [_Part(path, reader, "")]


def _prefix(path: Path) -> str:
    # A POSCAR file is named after its folder.
    has_suffix = path.suffix.lower() in (".gz", *READERS)
    name = path.with_name(path.name.removesuffix(".gz")).with_suffix("") if has_suffix else path.parent
    return path.as_posix() if name.as_posix() == "." else name.as_posix()


def _rows(
    path: Path, parts: Sequence[_Part], n: int | None, seed: int | None, options: Options
) -> tuple[list[tuple[_Part, Row]], str]:
    """Return the selected rows in order, each with an id, and a description of the selection."""
    if n is None or seed is None:
        rows: list[tuple[_Part, Row]] = []
        for part in parts:
            remaining = None if n is None else range(n - len(rows))
            if remaining is None or remaining:
                rows += _read(part, remaining, options)
        if n is not None and len(rows) < n:
            raise InputError(f"{path} has {len(rows)} samples: n must be 1 to {len(rows)}; got {n}")
        return rows, f"all {len(rows)}" if n is None else f"the first {n}"
    totals = [part.reader.count(part.path) for part in parts]
    total = sum(totals)
    if n > total:
        raise InputError(f"{path} has {total} samples: n must be 1 to {total}; got {n}")
    order = np.random.default_rng(seed).permutation(total)[:n]
    starts = np.cumsum([0, *totals])
    row_at = {}
    for part, start, end in zip(parts, starts, starts[1:], strict=False):
        wanted = frozenset(int(i - start) for i in order[(start <= order) & (order < end)])
        for _, row in _read(part, wanted, options) if wanted else ():
            row_at[int(start) + row.index] = (part, row)
    return [row_at[int(i)] for i in order], f"{n} of {total}, seed {seed}"


def _read(part: _Part, wanted: Wanted, options: Options) -> Iterator[tuple[_Part, Row]]:
    only = part.prefix != "" and part.reader.count(part.path) == 1
    for row in part.reader.read(part.path, wanted, options):
        numbered = f"{part.prefix}:{row.index + 1}" if part.prefix else str(row.index + 1)
        yield part, row if row.id else replace(row, id=part.prefix if only else numbered)


def _samples(path: Path, rows: Sequence[tuple[_Part, Row]]) -> tuple[list[Sample], dict[str, str]]:
    samples, left_out = [], {}
    first: dict[str, str] = {}
    for part, row in rows:
        where = row.where if part.path == path else f"{row.where} of {part.path.name}"
        if row.id in first:
            raise InputError(
                f"{path}: the id {shorten(row.id)!r} is in {first[row.id]} and in {where}, but ids must be unique: "
                "choose another column with --id-column, or number the samples with --id-column '#'"
            )
        first[row.id] = where
        if row.problem:
            left_out[row.id] = f"{where}: {row.problem}"
        else:
            samples.append(Sample(row.id, **row.views, labels=row.labels))
    return samples, left_out


def _sha256(path: Path, parts: Sequence[_Part], report: Callable[[str], None]) -> str:
    """Return the SHA-256 of a file, or of the names and hashes of all files of a folder."""
    size = sum(part.path.stat().st_size for part in parts)
    if size > LARGE:
        report(f"hashing {size / 1e9:.0f} GB of {path.name}")
    if not path.is_dir():
        return file_sha256(path)
    lines = [f"{part.path.relative_to(path).as_posix()} {file_sha256(part.path)}\n" for part in parts]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _rdkit() -> str:
    from rdkit import rdBase

    return f"SMILES canonical by RDKit {rdBase.rdkitVersion}"
