"""The built-in data sets: what there is, and how to draw samples from it."""

from __future__ import annotations

import functools
import importlib
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from .._errors import InputError
from .._samples import Dataset
from .._text import did_you_mean
from ..weights import fetch_member, verify_member
from .files import is_file_name, read_dataset


@dataclass(frozen=True)
class Slice:
    """The part of a data set that ships with hyle: the first ``size`` rows of the draw of ``seed``, or all of it.

    Args:
        file: Parquet file in ``zoo/datasets``.
        sha256: of that file.
        seed: of the draw.
        size: rows in it.
        rdkit: version of RDKit that wrote its SMILES, empty where there are none.
    """

    file: str
    sha256: str
    seed: int
    size: int
    rdkit: str = ""


@dataclass(frozen=True)
class Carrier:
    """An archive of which files became part of a data set; nobody needs it but to write the data set anew.

    Args:
        carrier: ``"NAME==VERSION"``.
        archive: its file name.
        archive_sha256: its SHA-256.
        archive_bytes: its size.
        members: path in the archive -> SHA-256.
    """

    carrier: str
    archive: str
    archive_sha256: str
    archive_bytes: int
    members: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class DatasetInfo:
    """The facts of one built-in data set; see the TOML files in ``zoo/datasets``.

    Args:
        name: how hyle calls it.
        title: in words.
        domain: ``molecules``, ``materials`` or ``proteins``.
        licence: SPDX identifier of the data, or of the archive where the data have none of their own.
        citation: what to cite.
        views: the views that every sample has.
        total: how many samples there are.
        units: label name -> unit.
        slice: what needs no download.
        carrier: ``"NAME==VERSION"`` of the archive with the whole set, empty where hyle ships it.
        archive: file name of that archive.
        archive_sha256: its SHA-256.
        archive_bytes: its size.
        members: path in the archive -> SHA-256.
        made_from: the archives that a set which hyle ships was made from.
        reader: module with ``read_slice``, ``to_samples`` and, with a carrier, ``read_rows``.
        notes: honest remarks.
        known_as: the name that it has among ``trained_on`` of a model card.
        shift_of: the data set from which it departs, where it is there to show what a shift does; the notes say how.
    """

    name: str
    title: str
    domain: str
    licence: str
    citation: str
    views: Sequence[str]
    total: int
    units: Mapping[str, str]
    slice: Slice
    carrier: str = ""
    archive: str = ""
    archive_sha256: str = ""
    archive_bytes: int = 0
    members: Mapping[str, str] = field(default_factory=dict)
    made_from: Sequence[Carrier] = ()
    reader: str
    notes: str = ""
    known_as: str = ""
    shift_of: str = ""

    @property
    def slice_path(self) -> Path:
        """Where the shipped slice lies."""
        return Path(str(_folder() / self.slice.file))


def _folder() -> resources.abc.Traversable:
    return resources.files("hyle.zoo.datasets")


@functools.cache
def _infos() -> Mapping[str, DatasetInfo]:
    infos = {}
    for path in sorted(_folder().iterdir(), key=lambda p: p.name):
        if path.name.endswith(".toml"):
            table = tomllib.loads(path.read_text("utf-8"))
            part = Slice(**table.pop("slice"))
            made_from = tuple(Carrier(**carrier) for carrier in table.pop("made_from", ()))
            info = DatasetInfo(slice=part, made_from=made_from, **table.pop("source", {}), **table)
            infos[info.name] = info
    return infos


def list_datasets() -> list[DatasetInfo]:
    """Return the facts of every built-in data set, by name. Reads no samples."""
    return list(_infos().values())


def find_dataset(name: str) -> DatasetInfo:
    """Return the facts of one built-in data set.

    Raises:
        ValueError: no such data set; names the closest.
    """
    infos = _infos()
    if name not in infos:
        hint = did_you_mean(name, infos)
        raise InputError(f"no data set is called {name!r}{hint} `hyle datasets` lists them all.")
    return infos[name]


def load_dataset(
    name: str,
    *,
    n: int | None = None,
    seed: int | None = 0,
    notify: Callable[[str], None] | None = None,
    **options: Any,
) -> Dataset:
    """Draw n samples from a built-in data set, or from a file as `read_dataset` does.

    The draw is ``numpy.random.default_rng(seed).permutation(total)[:n]``, in that order, so the draws of one
    seed are nested. What ships with hyle is the beginning of the draw of seed 0, or the whole set; any other draw
    fetches the whole set.

    Args:
        name: as `list_datasets` gives it, or a file or folder.
        n: how many samples, 1 to the total; default as many as ship with hyle (1,500 of QM9, 300 crystals), and all of
            a file.
        seed: of the draw, 0 or greater; None takes the first n of a file.
        notify: called with one line before anything is downloaded, or when something is left out.
        options: those of `read_dataset`, for a file.

    Returns:
        Dataset of n samples with the views of the data set, lengths in Angstrom; the labels are in the units of
            ``Dataset.units``.

    Raises:
        ValueError: no such data set, n or seed out of range, or a file that is not what its hash says.
        ConnectionError: the whole set is needed and cannot be downloaded.
        ImportError: ase (or, for the whole of QM9, RDKit) is not installed.
    """
    if name not in _infos() and is_file_name(name):
        return read_dataset(name, n=n, seed=seed, notify=notify, **options)
    info = find_dataset(name)
    if options or seed is None:
        raise InputError(f"{name} is a built-in data set: options of files are not for it")
    n = info.slice.size if n is None else n
    if not 1 <= n <= info.total:
        raise InputError(f"{name} has {info.total} samples: n must be 1 to {info.total}; got {n}")
    if seed < 0:
        raise InputError(f"a seed is 0 or greater; got {seed}")
    reader = importlib.import_module(info.reader, __package__)
    whole = info.slice.size == info.total
    if whole or (seed == info.slice.seed and n <= info.slice.size):
        verify_member(info.slice_path, info.slice.sha256)
        table, rdkit = reader.read_slice(info.slice_path), info.slice.rdkit
        table = table.take(draw(info, n, seed)) if whole else table.slice(0, n)
    else:
        folder = fetch_carrier(info, notify=notify)
        table, rdkit = reader.read_rows([folder / member for member in info.members], draw(info, n, seed))
    origin = info.carrier or ", ".join(part.carrier for part in info.made_from)
    source = f"{origin}, seed {seed}" + (f", SMILES canonical by RDKit {rdkit}" if rdkit else "")
    return Dataset(info.name, reader.to_samples(table), info.domain, info.licence, source, info.units, info.citation)


def draw(info: DatasetInfo, n: int, seed: int) -> np.ndarray:
    """Return the row numbers of a draw, [n] int64."""
    return np.random.default_rng(seed).permutation(info.total)[:n]


def fetch_carrier(info: DatasetInfo, *, notify: Callable[[str], None] | None = None) -> Path:
    """Return the folder with the verified files of the whole set, downloaded where it is not cached."""
    # One download serves all data sets in the same archive.
    shared = [other.members for other in list_datasets() if other.archive_sha256 == info.archive_sha256]
    members = {path: sha256 for part in shared for path, sha256 in part.items()}
    return fetch_member(info.carrier, info.archive, info.archive_sha256, members, info.archive_bytes, notify=notify)
