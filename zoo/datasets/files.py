"""Data sets in files of the user."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..base import (
    MAX_REASON,
    ROW_NUMBERS,
    Dataset,
    InputError,
    Sample,
    check_local,
    file_sha256,
    is_address,
    shorten,
    valid_text,
)
from ..readers import NO_ENERGY, Options, Row, Wanted, is_archive, reader_of
from .parts import Part, find_parts

DOMAINS = {"smiles": "molecules", "selfies": "molecules", "sequence": "proteins", "backbone": "proteins"}
FILE_NAMES = "file names"  # origin of ids that are made from the names of files
SHOWN = 3  # samples that a message lists
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
    energy_key: str = "",
    protein_atoms: bool = False,
    notify: Callable[[str], None] | None = None,
) -> Dataset:
    """Read samples from a file, or from all files of a folder in the order of their names.

    The suffix determines the format:

    ================================  ============================================================================
    .csv, .tsv, .parquet              a column of SMILES, SELFIES or sequences; a header line
    .smi                              a SMILES string and optionally an id on each line
    .sdf, .mol, .mol2                 SMILES; also atoms, if all atoms and hydrogens have coordinates
    .fasta, .fa, .faa                 sequences; the first word of a title is the id
    .xyz, .extxyz                     atoms, one structure per frame; also raw files of GDB-9 (QM9)
    .cif                              atoms, one structure per block, with all symmetry operations applied
    .vasp, POSCAR, CONTCAR, XDATCAR,  atoms; of the files of VASP also those with a longer name, such as POSCAR_mp-149,
    OUTCAR, vasprun.xml               a.POSCAR or CONTCAR.2
    .gen, .xsf, .res                  atoms, of DFTB+, XCrySDen and AIRSS
    .lammpstrj, .dump                 atoms, if a column states the elements; lengths in Angstrom
    .json, .jsonl                     atoms: structures and molecules of pymatgen alone, in lists, or in documents of
                                      the Materials Project; tables of matbench; JARVIS; databases and atoms of ASE
    .traj                             atoms, of ASE
    .db, .aselmdb                     atoms from a database of ASE, or of OMat24, sAlex and OMol25
    .pdb, .ent, .mmcif, .cif          protein chains with sequence and backbone, a .cif if it is mmCIF; atoms of a
                                      .pdb without amino acids and nucleotides
    .zip, .tar, .tar.gz, .tgz, ...    all files of these kinds in the archive, as in a folder
    ================================  ============================================================================

    A file may be compressed (.gz, .bz2, .xz, .zst). Of a large file only the drawn samples are kept in memory, and of a
    database or Parquet table only those are read. A file of a folder that cannot be read does not stop the others.

    Atoms carry the total charge and the spin multiplicity of the file as ``info["charge"]`` and ``info["spin"]``. Their
    energy becomes the label ``energy``, in eV; units that are stated are converted. Structures with atoms closer than
    0.5 Angstrom, or with periodic directions without a cell vector, are skipped.

    Args:
        path: the file or folder.
        n: number of samples; default all.
        seed: seed of the random draw ``numpy.random.default_rng(seed).permutation(total)[:n]``, in that order, so that
            draws with the same seed are nested; None takes the first n.
        column: column of a table to read; default the one named smiles, selfies, sequence or similar.
        view: content of that column, ``smiles``, ``selfies`` or ``sequence``; default inferred from its name.
        id_column: column, property or key with the ids; ``#`` numbers the samples from 0. Default the column ``id`` of
            a table, the title in .sdf and .fasta, file and chain of a protein, else numbers.
        labels: numeric columns, properties or keys that become labels.
        canonical: convert SMILES of tables to the canonical form of RDKit; False keeps them as written.
        energy_key: property of a structure that contains its energy; by default ``energy``, or else ``REF_energy``,
            ``dft_energy``, ``total_energy``, ``free_energy``, ``U0`` and similar names, which are then reported.
        protein_atoms: read all atoms of protein chains as well.
        notify: called with one line each about skipped samples and files, about what was changed in samples, and before
            a large file is hashed.

    Returns:
        Dataset named after the file. Entries that are not valid samples (unreadable SMILES, coordinates that are not
        finite, sites of partial occupancy) are in ``left_out``, with their location and the reason.

    Raises:
        FileNotFoundError: no such file.
        ValueError: unknown format, unreadable file, missing column, duplicated id, or no valid sample.
        ImportError: a library that reads the format is not installed.
    """
    check_local(path)
    path = Path(path)
    report = notify or (lambda line: None)
    options = Options(column, view, id_column, tuple(labels), canonical, energy_key, protein_atoms)
    if n is not None and n < 1:
        raise InputError(f"n must be at least 1; got {n}")
    if seed is not None and seed < 0:
        raise InputError(f"a seed is 0 or greater; got {seed}")
    parts, unread = find_parts(path)
    if unread:
        kinds = ", ".join(f"{count} {shorten(kind)}" for kind, count in sorted(unread.items()))
        total = sum(unread.values())
        report(f"{path.name}: {total} {'file was' if total == 1 else 'files were'} not read: {kinds}")
    drawn = _draw(path, parts, n, seed, options)
    rows = drawn.rows
    if (column or view or not canonical) and rows and not any(row.column for _, row in rows):
        raise InputError(f"{path} is not a table: --column, --view and --as-written do not apply")
    samples, left_out, remarks = _samples(path, rows)
    left_out = drawn.unreadable | left_out
    if left_out:
        shown = _listed({id_: shorten(reason, MAX_REASON) for id_, reason in left_out.items()})
        message = f"{len(left_out)} of {len(rows) + len(drawn.unreadable)} samples of {path.name} skipped: {shown}"
        if not samples:
            raise InputError(f"{path} has no valid samples: {message}")
        report(message)
    elif not samples:
        raise InputError(f"{path} contains no samples")
    for statement, details in remarks.items():
        report(f"{path.name}: {len(details)} of {len(samples)} samples: {statement}{_details(details)}")
    if energy_key and not any("energy" in sample.labels for sample in samples):
        raise InputError(f"{path}: no sample has an energy called {energy_key!r}{_first_detail(remarks, NO_ENERGY)}")
    sha256 = _sha256(path, parts, report)
    columns = {row.column for _, row in rows if row.column}
    views = set.intersection(*({v for v in DOMAINS | {"atoms": ""} if getattr(s, v) is not None} for s in samples))
    if not views:
        raise InputError(f"the files of {path} have no view in common: read them as separate data sets")
    facts = [f"{valid_text(path.name)} sha256 {sha256}", *(f"column {name}" for name in sorted(columns)), drawn.how]
    facts += [f"{len(left_out)} skipped"] if left_out else []
    facts += [_rdkit()] if "smiles" in views and (canonical or not columns) else []
    domain = next((DOMAINS[v] for v in DOMAINS if v in views), "")
    if not domain:
        domain = "materials" if any(s.atoms is not None and s.atoms.pbc.any() for s in samples) else "molecules"
    units = {"energy": "eV"} if "atoms" in views and any("energy" in s.labels for s in samples) else {}
    return Dataset(
        valid_text(path.resolve().name),
        samples,
        domain,
        "none stated",
        ", ".join(facts),
        units,
        left_out=left_out,
        remarks=remarks,
        ids_from=drawn.ids_from(options),
    )


def is_file_name(name: str) -> bool:
    """Return whether a name refers to a file or folder rather than to a built-in data set."""
    path = Path(name)
    return is_address(name) or os.sep in name or is_archive(path) or reader_of(path) is not None or path.exists()


@dataclass
class _Draw:
    """The selected rows of the files of a data set.

    Args:
        root: the file or folder.
        rows: the file of each row, and the row with its id, in order.
        how: how the rows were selected.
        unreadable: path in the folder -> reason, for files that cannot be read or are empty.
        made: origins of the ids of rows that have none in their file.
    """

    root: Path
    rows: list[tuple[Part, Row]] = field(default_factory=list)
    how: str = ""
    unreadable: dict[str, str] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)

    def named(self, part: Part, row: Row, only: bool) -> tuple[Part, Row]:
        """Return a row with its id: the one in the file, or else one made from the file's name and the row number."""
        if row.id:
            return part, row
        self.made.add(FILE_NAMES if part.prefix else ROW_NUMBERS)
        number = f"{part.prefix}:{row.index}" if part.prefix else str(row.index)
        return part, replace(row, id=part.prefix if part.prefix and only else number)

    def ids_from(self, options: Options) -> str:
        """Return where the ids come from."""
        return ", ".join(sorted(self.made)) or options.id_column or "the file"

    def read(self, part: Part, wanted: Wanted, options: Options) -> Iterator[Row]:
        """Read rows of a file; a file of a folder that cannot be read does not stop the others."""
        empty = wanted is None
        try:
            for row in part.reader.read(part.path, wanted, options):
                empty = False
                yield row
        except InputError as error:
            self._leave_out(part, error)
        else:
            if empty and part.prefix:
                self._leave_out(part, InputError(f"{part.path} contains no samples"))

    def count(self, part: Part) -> int:
        """Return the number of samples of a file; 0 for a file of a folder that cannot be read."""
        try:
            number = part.reader.count(part.path)
        except InputError as error:
            self._leave_out(part, error)
            return 0
        if not number and part.prefix:
            self._leave_out(part, InputError(f"{part.path} contains no samples"))
        return number

    def _leave_out(self, part: Part, error: InputError) -> None:
        """Note why a file of a folder cannot be read; raise the error if the data set is this file alone."""
        if not part.prefix:
            raise error
        self.unreadable[part.path.relative_to(self.root).as_posix()] = str(error)


def _draw(path: Path, parts: Sequence[Part], n: int | None, seed: int | None, options: Options) -> _Draw:
    drawn = _Draw(path)
    if n is None or seed is None:
        for part in parts:
            remaining = None if n is None else range(n - len(drawn.rows))
            rows = [] if remaining is not None and not remaining else list(drawn.read(part, remaining, options))
            # One row was wanted, but the file may contain more.
            only = len(rows) == 1 and (remaining is None or len(remaining) > 1 or drawn.count(part) == 1)
            drawn.rows += [drawn.named(part, row, only) for row in rows]
        if n is not None and len(drawn.rows) < n:
            raise InputError(_too_few(path, len(drawn.rows), n))
        drawn.how = f"all {len(drawn.rows)}" if n is None else f"the first {n}"
        return drawn
    totals = [drawn.count(part) for part in parts]
    total = sum(totals)
    if n > total:
        raise InputError(_too_few(path, total, n))
    drawn.how = f"{n} of {total}, seed {seed}"
    order = np.random.default_rng(seed).permutation(total)[:n]
    starts = np.cumsum([0, *totals])
    row_at = {}
    for part, start, end in zip(parts, starts, starts[1:], strict=False):
        wanted = frozenset(int(i - start) for i in order[(start <= order) & (order < end)])
        for row in drawn.read(part, wanted, options) if wanted else ():
            row_at[int(start) + row.index] = drawn.named(part, row, end - start == 1)
    drawn.rows = [row_at[int(i)] for i in order if int(i) in row_at]
    return drawn


def _too_few(path: Path, total: int, n: int) -> str:
    return f"{path} has {total} samples: n must be 1 to {total}; got {n}"


def _samples(
    path: Path, rows: Sequence[tuple[Part, Row]]
) -> tuple[list[Sample], dict[str, str], dict[str, dict[str, str]]]:
    """Return the valid samples, the reasons of the others, and the remarks on the samples."""
    samples, left_out = [], {}
    remarks: dict[str, dict[str, str]] = {}
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
            continue
        samples.append(Sample(row.id, **row.views, labels=row.labels))
        for statement, detail in row.remarks.items():
            remarks.setdefault(statement, {})[row.id] = detail
    return samples, left_out, remarks


def _listed(reasons: Mapping[str, str]) -> str:
    shown = "; ".join(f"{shorten(id_)} ({reason})" for id_, reason in list(reasons.items())[:SHOWN])
    return f"{shown}; and {len(reasons) - SHOWN} more" if len(reasons) > SHOWN else shown


def _details(details: Mapping[str, str]) -> str:
    detailed = {id_: shorten(detail, MAX_REASON) for id_, detail in details.items() if detail}
    return f": {_listed(detailed)}" if detailed else ""


def _first_detail(remarks: Mapping[str, Mapping[str, str]], statement: str) -> str:
    detail = next(iter(remarks.get(statement, {}).values()), "")
    return f"; {shorten(detail, MAX_REASON)}" if detail else ""


def _sha256(path: Path, parts: Sequence[Part], report: Callable[[str], None]) -> str:
    """Return the SHA-256 of a file, or of the names and hashes of all files of a folder."""
    sources = list(dict.fromkeys(part.source for part in parts))
    size = sum(source.stat().st_size for source in sources)
    if size > LARGE:
        report(f"hashing {size / 1e9:.0f} GB of {path.name}")
    if not path.is_dir():
        return file_sha256(path)
    lines = [f"{source.relative_to(path).as_posix()} {file_sha256(source)}\n" for source in sources]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _rdkit() -> str:
    from rdkit import rdBase

    return f"SMILES canonical by RDKit {rdBase.rdkitVersion}"
