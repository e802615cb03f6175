"""Samples in files that people bring."""

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
from .._text import did_you_mean
from ..readers import READERS, Options, Reader, Row, Wanted, reader_of

DOMAINS = {"smiles": "molecules", "selfies": "molecules", "sequence": "proteins", "backbone": "proteins"}
SHOWN = 3  # samples of those left out that a message names
LARGE = 10**9  # bytes, above which hashing is announced


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
    """Read samples out of a file, or out of all files of a folder in the order of their names; the suffix says how.

    ================================  ============================================================================
    .csv, .tsv, .parquet              a column of SMILES, SELFIES or sequences; a header line
    .smi                              a SMILES string and perhaps an id in each line
    .sdf                              SMILES; atoms too where every atom and hydrogen has a place in space
    .fasta, .fa, .faa                 sequences; the first word of a title is the id
    .xyz, .extxyz                     atoms, one structure a frame; the energy, in eV, becomes a label
    .cif, .vasp, .poscar, .traj       atoms, by ASE; files called POSCAR or CONTCAR too
    .db, .aselmdb                     atoms out of a database of ASE, or of OMat24, sAlex and OMol25
    .pdb, .ent, .mmcif, .cif          protein chains with sequence and backbone; a .cif where it is mmCIF
    ================================  ============================================================================

    Tables of text, .sdf, .fasta, .pdb and .mmcif may be packed (.gz). Of a large file only the samples that are drawn
    are kept, and of a database or table in Parquet only those are read.

    Args:
        path: the file or folder.
        n: how many samples; default all.
        seed: of the draw, which is ``numpy.random.default_rng(seed).permutation(total)[:n]``, in that order, so that
            draws of one seed are nested; None takes the first n.
        column: of a table; default the one called smiles, selfies, sequence or alike.
        view: what that column holds, ``smiles``, ``selfies`` or ``sequence``; default by its name.
        id_column: column, property or key with the ids; ``#`` numbers the samples from 1. Default the column ``id`` of
            a table, the title in .sdf and .fasta, file and chain of a protein, else numbers.
        labels: columns, properties or keys that become labels; numbers.
        canonical: write SMILES of tables anew in RDKit's canonical form; False takes them as they stand.
        notify: called with a line about what was left out.

    Returns:
        Dataset named like the file. What is no sample (unreadable SMILES, coordinates that are not finite, sites of
        partial occupancy) stands in ``left_out`` with place and reason.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no reader for it, not readable, a column that is missing, an id twice, or no sample at all.
        ImportError: a library that reads the format is not installed.
    """
    path = Path(path)
    say = notify or (lambda line: None)
    options = Options(column, view, id_column, tuple(labels), canonical)
    if n is not None and n < 1:
        raise InputError(f"n must be at least 1; got {n}")
    if seed is not None and seed < 0:
        raise InputError(f"a seed is 0 or greater; got {seed}")
    parts = _parts(path)
    rows, how = _rows(path, parts, n, seed, options)
    if (column or view or not canonical) and rows and not any(row.column for _, row in rows):
        raise InputError(f"{path} is no table: leave --column, --view and --as-written out")
    samples, left_out = _samples(path, rows)
    if left_out:
        some = "; ".join(f"{id_} ({reason})" for id_, reason in list(left_out.items())[:SHOWN])
        more = f"; and {len(left_out) - SHOWN} more" if len(left_out) > SHOWN else ""
        told = f"{len(left_out)} of {len(rows)} samples of {path.name} left out: {some}{more}"
        if not samples:
            raise InputError(f"{path} has no sample that can be read: {told}")
        say(told)
    elif not samples:
        raise InputError(f"{path} holds no samples")
    sha256 = _sha256(path, parts, say)
    columns = {row.column for _, row in rows if row.column}
    views = set.intersection(*({v for v in DOMAINS | {"atoms": ""} if getattr(s, v) is not None} for s in samples))
    if not views:
        raise InputError(f"the files of {path} hold matter of different kinds: give one kind at a time")
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
    """A file and its reader; the prefix, of a file in a folder, stands before its numbers."""

    path: Path
    reader: Reader
    prefix: str


def is_file_name(name: str) -> bool:
    """Say whether a name means a file or folder rather than a built-in data set."""
    return os.sep in name or reader_of(Path(name)) is not None or Path(name).exists()


def _parts(path: Path) -> list[_Part]:
    if not path.exists():
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise MissingFileError(f"{path} does not exist{did_you_mean(path.name, beside)}")
    known = f"those that hyle reads end in {', '.join(READERS)}, or are called POSCAR or CONTCAR"
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
        found = [(p, reader) for p in files if (reader := reader_of(p)) is not None]
        if not found:
            raise InputError(f"{path} has no file with samples: {known}")
        prefixes = [_prefix(p.relative_to(path)) for p, _ in found]
        if len(set(prefixes)) < len(prefixes):
            prefixes = [p.relative_to(path).as_posix() for p, _ in found]
        return [_Part(p, reader, prefix) for (p, reader), prefix in zip(found, prefixes, strict=True)]
    reader = reader_of(path)
    if reader is None:
        raise InputError(f"{path} is no file of samples: {known}")
    return [_Part(path, reader, "")]


def _prefix(path: Path) -> str:
    # Of POSCAR files the folder is the name.
    known = path.suffix.lower() in (".gz", *READERS)
    name = path.with_name(path.name.removesuffix(".gz")).with_suffix("") if known else path.parent
    return path.as_posix() if name.as_posix() == "." else name.as_posix()


def _rows(
    path: Path, parts: Sequence[_Part], n: int | None, seed: int | None, options: Options
) -> tuple[list[tuple[_Part, Row]], str]:
    """Return the wanted rows in their order, each with its own id, and how they were chosen."""
    if n is None or seed is None:
        found: list[tuple[_Part, Row]] = []
        for part in parts:
            left = None if n is None else range(n - len(found))
            if left is None or left:
                found += _read(part, left, options)
        if n is not None and len(found) < n:
            raise InputError(f"{path} has {len(found)} samples: n must be 1 to {len(found)}; got {n}")
        return found, f"all {len(found)}" if n is None else f"the first {n}"
    totals = [part.reader.count(part.path) for part in parts]
    total = sum(totals)
    if n > total:
        raise InputError(f"{path} has {total} samples: n must be 1 to {total}; got {n}")
    order = np.random.default_rng(seed).permutation(total)[:n]
    starts = np.cumsum([0, *totals])
    place = {}
    for part, start, end in zip(parts, starts, starts[1:], strict=False):
        wanted = frozenset(int(i - start) for i in order[(start <= order) & (order < end)])
        for _, row in _read(part, wanted, options) if wanted else ():
            place[int(start) + row.index] = (part, row)
    return [place[int(i)] for i in order], f"{n} of {total}, seed {seed}"


def _read(part: _Part, wanted: Wanted, options: Options) -> Iterator[tuple[_Part, Row]]:
    alone = part.prefix != "" and part.reader.count(part.path) == 1
    for row in part.reader.read(part.path, wanted, options):
        numbered = f"{part.prefix}:{row.index + 1}" if part.prefix else str(row.index + 1)
        yield part, row if row.id else replace(row, id=part.prefix if alone else numbered)


def _samples(path: Path, rows: Sequence[tuple[_Part, Row]]) -> tuple[list[Sample], dict[str, str]]:
    samples, left_out = [], {}
    first: dict[str, str] = {}
    for part, row in rows:
        where = row.where if part.path == path else f"{row.where} of {part.path.name}"
        if row.id in first:
            raise InputError(
                f"{path}: the id {row.id!r} stands in {first[row.id]} and {where}, and ids must differ: "
                "choose others with --id-column, or number the samples with --id-column '#'"
            )
        first[row.id] = where
        if row.problem:
            left_out[row.id] = f"{where}: {row.problem}"
        else:
            samples.append(Sample(row.id, **row.views, labels=row.labels))
    return samples, left_out


def _sha256(path: Path, parts: Sequence[_Part], say: Callable[[str], None]) -> str:
    """Return the hash of a file, or of the names and hashes of all files of a folder."""
    size = sum(part.path.stat().st_size for part in parts)
    if size > LARGE:
        say(f"hashing {size / 1e9:.0f} GB of {path.name}")
    if not path.is_dir():
        return file_sha256(path)
    lines = [f"{part.path.relative_to(path).as_posix()} {file_sha256(part.path)}\n" for part in parts]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _rdkit() -> str:
    from rdkit import rdBase

    return f"SMILES canonical by RDKit {rdBase.rdkitVersion}"
