"""One piece of matter, and an ordered list of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ._errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

VIEWS = ("smiles", "selfies", "atoms", "sequence", "backbone", "text")


@dataclass(frozen=True)
class Sample:
    """One piece of matter: an id, one or more views of it, and optional labels.

    Args:
        id: unique within its data set; representations are joined by it.
        smiles: canonical SMILES of the toolkit that the data set names.
        selfies: SELFIES string.
        atoms: positions and cell in Angstrom, periodicity in ``pbc``.
        sequence: amino acids, one letter each.
        backbone: float32 [residues, 4, 3], N, CA, C and O of every residue in Angstrom; residues follow each other
            without a gap.
        text: free text.
        labels: name -> value, in the units that the data set gives.
    """

    id: str
    smiles: str | None = None
    selfies: str | None = None
    atoms: Atoms | None = None
    sequence: str | None = None
    backbone: np.ndarray | None = None
    text: str | None = None
    labels: Mapping[str, float] = field(default_factory=dict)

    def view(self, name: str) -> Any:
        """Return one view; raise ValueError naming the sample and the views it has when that one is missing."""
        value = getattr(self, name) if name in VIEWS else None
        if value is None:
            has = ", ".join(v for v in VIEWS if getattr(self, v) is not None) or "none"
            raise InputError(f"sample {self.id!r} has no view {name!r}; it has: {has}")
        return value

    def update_hash(self, digest: hashlib._Hash) -> None:
        """Feed every view of this sample to a running hash."""
        for name in ("id", "smiles", "selfies", "sequence", "text"):
            digest.update(f"{name}={getattr(self, name)!r};".encode())
        if self.atoms is not None:
            digest.update(np.asarray(self.atoms.numbers, "<i4").tobytes())
            digest.update(np.asarray(self.atoms.positions, "<f8").tobytes())
            digest.update(np.asarray(self.atoms.cell.array, "<f8").tobytes())
            digest.update(np.asarray(self.atoms.pbc, "?").tobytes())
            # Models that take charges see them; data sets without any keep the hash that they had.
            if self.atoms.info.get("charge"):
                digest.update(f"charge={float(self.atoms.info['charge'])!r};".encode())
        if self.backbone is not None:
            digest.update(b"backbone=")
            digest.update(np.asarray(self.backbone, "<f4").tobytes())


@dataclass(frozen=True)
class Dataset:
    """An ordered list of samples with a name, a domain and a licence.

    Args:
        name: how the data set is called, such as ``qm9``.
        samples: the samples, ids unique.
        domain: ``molecules``, ``materials`` or ``proteins``.
        licence: SPDX identifier.
        source: where the samples come from, with versions.
        units: label name -> unit.
        citation: what to cite.
        left_out: id -> reason, for what stands in a file and is no sample.
    """

    name: str
    samples: Sequence[Sample]
    domain: str
    licence: str
    source: str
    units: Mapping[str, str] = field(default_factory=dict)
    citation: str = ""
    left_out: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for sample in self.samples:
            if sample.id in seen:
                raise InputError(f"data set {self.name!r} has two samples with the id {sample.id!r}")
            seen.add(sample.id)

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index]

    @property
    def ids(self) -> list[str]:
        """The sample ids, in order."""
        return [sample.id for sample in self.samples]

    @property
    def views(self) -> list[str]:
        """The views that every sample has."""
        return [name for name in VIEWS if all(getattr(sample, name) is not None for sample in self.samples)]

    @property
    def version(self) -> str:
        """The first 16 hex digits of the SHA-256 over every id and view, in order."""
        digest = hashlib.sha256()
        for sample in self.samples:
            sample.update_hash(digest)
        return digest.hexdigest()[:16]

    def head(self, n: int) -> Dataset:
        """Return the first n samples as a data set of the same name."""
        return replace(self, samples=self.samples[:n])
