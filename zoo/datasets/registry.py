"""The built-in data sets, and random draws of samples from them."""

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

from ..base import Dataset, InputError, did_you_mean
from ..weights import fetch_member, verify_member
from .files import is_file_name, read_dataset
from .perturb import SEPARATOR, check_perturbations, perturb, split_perturbations


@dataclass(frozen=True)
class Slice:
    """The subset of a data set that ships with hyle: the first ``size`` rows of the draw with ``seed``, or all rows.

    Args:
        file: Parquet file in ``zoo/datasets``.
        sha256: SHA-256 of that file.
        seed: seed of the draw.
        size: number of rows.
        rdkit: version of RDKit that wrote its SMILES; empty if it has none.
    """

    file: str
    sha256: str
    seed: int
    size: int
    rdkit: str = ""


@dataclass(frozen=True)
class Carrier:
    """A carrier from which a data set was made; needed only to regenerate the data set.

    A carrier is a wheel or source archive of a package index that is downloaded and read as a plain file archive,
    never installed or imported.

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
        name: name of the data set in hyle.
        title: short description.
        domain: ``molecules``, ``materials`` or ``proteins``.
        licence: SPDX identifier of the licence of the data, or of the archive if the data have none.
        citation: what to cite.
        views: the views that every sample has.
        total: number of samples.
        units: label name -> unit.
        level: level of theory of the label ``energy``, of `hyle.zoo.LEVELS`; empty if there is no such label.
        slice: the subset that ships with hyle and needs no download.
        carrier: ``"NAME==VERSION"`` of the archive with the whole data set; empty if all of it ships with hyle.
        archive: file name of that archive.
        archive_sha256: its SHA-256.
        archive_bytes: its size.
        members: path in the archive -> SHA-256.
        made_from: the archives from which a data set that ships with hyle was made.
        reader: module with ``read_slice``, ``to_samples`` and, if there is a carrier, ``read_rows``.
        notes: remarks and limitations.
        known_as: its name in ``trained_on`` of the model cards.
        shift_of: the data set from which it is a distribution shift, if that is its purpose; described in the notes.
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
    level: str = ""
    known_as: str = ""
    shift_of: str = ""

    @property
    def slice_path(self) -> Path:
        """Path of the shipped subset."""
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
    """Return the facts of all built-in data sets, sorted by name, without reading samples."""
    return list(_infos().values())


def find_dataset(name: str) -> DatasetInfo:
    """Return the facts of one built-in data set.

    Raises:
        ValueError: no such data set; suggests the closest name.
    """
    infos = _infos()
    if name not in infos:
        hint = did_you_mean(name.split(SEPARATOR)[0], infos)
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
    """Draw n samples from a built-in data set, or from a file with `read_dataset`.

    The draw is ``numpy.random.default_rng(seed).permutation(total)[:n]``, in that order, so that draws with the same
    seed are nested. The beginning of the draw with seed 0, or the whole data set, ships with hyle; any other draw
    downloads the whole data set.

    Args:
        name: a name from `list_datasets`, or a file or folder; also the name of a perturbed data set, such as
            ``mptrj+rattle=0.1``, see `perturb`.
        n: number of samples, from 1 to the total; default as many as ship with hyle (1,500 of QM9, 300 crystals), or
            all samples of a file.
        seed: seed of the draw, 0 or greater; None takes the first n of a file.
        notify: called with one line before anything is downloaded, or if samples were skipped.
        options: options of `read_dataset`, for files only.

    Returns:
        Dataset of n samples with the views of the data set. Lengths are in Angstrom, labels in the units of
            ``Dataset.units``.

    Raises:
        ValueError: no such data set, n or seed out of range, or a file that does not match its hash.
        ConnectionError: the whole data set is needed and cannot be downloaded.
        ImportError: ase (or, for the whole of QM9, RDKit) is not installed.
    """
    base, steps = split_perturbations(name)
    if name not in _infos() and steps and not Path(name).exists() and (base in _infos() or is_file_name(base)):
        data = load_dataset(base, n=n, seed=seed, notify=notify, **options)
        for kind, amount in steps:
            data = perturb(data, kind, amount)
        return data
    if name not in _infos() and is_file_name(name):
        return read_dataset(name, n=n, seed=seed, notify=notify, **options)
    if name.split(SEPARATOR)[0] in _infos():
        check_perturbations(name)
    info = find_dataset(name)
    if options or seed is None:
        raise InputError(f"{name} is a built-in data set: options for files do not apply")
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
    """Return the row indices of a draw, [n] int64."""
    return np.random.default_rng(seed).permutation(info.total)[:n]


def fetch_carrier(info: DatasetInfo, *, notify: Callable[[str], None] | None = None) -> Path:
    """Return the folder with the verified files of the whole data set, downloading them if they are not cached."""
    # One download serves all data sets that are in the same archive.
    shared = [other.members for other in list_datasets() if other.archive_sha256 == info.archive_sha256]
    members = {path: sha256 for part in shared for path, sha256 in part.items()}
    return fetch_member(info.carrier, info.archive, info.archive_sha256, members, info.archive_bytes, notify=notify)
