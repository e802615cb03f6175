"""Samples, and data sets, which are ordered lists of samples."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .errors import InputError
from .groups import group_samples

if TYPE_CHECKING:
    import numpy as np
    from ase import Atoms

    from .protein_atoms import ProteinAtoms

# Origin of ids that hyle made: the numbers of the samples in their file, from 0.
ROW_NUMBERS = "row numbers"
VIEWS = ("smiles", "selfies", "atoms", "sequence", "backbone", "protein_atoms", "text")
# Read only if a model needs it. Of the models of a data set, it concerns the versions only of those that read it.
OPTIONAL = "protein_atoms"


@dataclass(frozen=True)
class Sample:
    """One molecule, crystal or protein: an id, one or more views (input forms) of it, and optional labels.

    Args:
        id: unique within its data set; rows of representations are matched by it.
        smiles: canonical SMILES of the toolkit that the source of the data set names.
        selfies: SELFIES string.
        atoms: positions and cell in Angstrom, periodicity in ``pbc``; ``info`` may contain ``charge``, in elementary
            charges, and ``spin``, the multiplicity 2S + 1; ``arrays`` may contain ``forces``, in eV/Angstrom.
        sequence: amino acids, one letter each; also X, U, O, B and Z. Of a chain in a structure file it is the whole
            chain, with the residues that have no coordinates.
        backbone: float32 [residues, 4, 3], N, CA, C and O of every residue in Angstrom, of the longest segment of the
            chain without missing residues.
        first_residue: number in the sequence, from 0, of the first residue of the backbone; None if it is not known, or
            if both have the same length.
        protein_atoms: all atoms of the observed residues of the chain; only of files, and only if asked for.
        text: free text.
        labels: name -> value, in the units given by the data set.
    """

    id: str
    smiles: str | None = None
    selfies: str | None = None
    atoms: Atoms | None = None
    sequence: str | None = None
    backbone: np.ndarray | None = None
    protein_atoms: ProteinAtoms | None = None
    text: str | None = None
    labels: Mapping[str, float] = field(default_factory=dict)
    first_residue: int | None = None

    @property
    def first_residue_number(self) -> int | None:
        """The number in the sequence of the first residue of the backbone; 0 without a sequence, None if unknown."""
        if self.backbone is None or self.sequence is None or len(self.backbone) == len(self.sequence):
            return 0
        return self.first_residue

    def view(self, name: str) -> Any:
        """Return one view.

        Raises:
            ValueError: the sample does not have this view; names the sample and the views that it has.
        """
        value = getattr(self, name) if name in VIEWS else None
        if value is None:
            present = ", ".join(v for v in VIEWS if getattr(self, v) is not None) or "none"
            raise InputError(f"sample {self.id!r} has no view {name!r}; it has: {present}")
        return value

    def update_hash(self, digest: hashlib._Hash, *, optional: bool = True) -> None:
        """Update a running hash with the id and every view of this sample, or all but the optional one."""
        import numpy as np  # not with this module, which the names of the views are read from

        for name in ("id", "smiles", "selfies", "sequence", "text"):
            digest.update(f"{name}={getattr(self, name)!r};".encode())
        if self.atoms is not None:
            digest.update(np.asarray(self.atoms.numbers, "<i4").tobytes())
            digest.update(np.asarray(self.atoms.positions, "<f8").tobytes())
            digest.update(np.asarray(self.atoms.cell.array, "<f8").tobytes())
            digest.update(np.asarray(self.atoms.pbc, "?").tobytes())
            # Input of some models. Neutral samples and singlets add nothing, so that their hashes do not change.
            charge, spin = self.atoms.info.get("charge") or 0, self.atoms.info.get("spin") or 1
            if charge:
                digest.update(f"charge={float(charge)!r};".encode())
            if spin != 1:
                digest.update(f"spin={float(spin)!r};".encode())
        if self.backbone is not None:
            digest.update(b"backbone=")
            digest.update(np.asarray(self.backbone, "<f4").tobytes())
        if optional and self.protein_atoms is not None:
            digest.update(b"protein_atoms=")
            self.protein_atoms.update_hash(digest)


@dataclass(frozen=True)
class Dataset:
    """An ordered list of samples with a name, a domain and a licence.

    Args:
        name: name of the data set, such as ``qm9``.
        samples: the samples, with unique ids.
        domain: ``molecules``, ``materials`` or ``proteins``.
        licence: SPDX identifier.
        source: where the samples come from, with versions.
        units: label name -> unit.
        citation: what to cite.
        left_out: id -> reason, for the entries of a file that could not be read as samples.
        remarks: statement -> sample id -> detail, for what the reader changed, or found missing, in samples of a file.
        ids_from: where the ids come from, such as ``column name``; `ROW_NUMBERS` if hyle numbered the samples.
    """

    name: str
    samples: Sequence[Sample]
    domain: str
    licence: str
    source: str
    units: Mapping[str, str] = field(default_factory=dict)
    citation: str = ""
    left_out: Mapping[str, str] = field(default_factory=dict)
    remarks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    ids_from: str = "the data set"

    def __post_init__(self) -> None:
        ids: set[str] = set()
        for sample in self.samples:
            if sample.id in ids:
                raise InputError(f"data set {self.name!r} has two samples with the id {sample.id!r}")
            ids.add(sample.id)

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

    @cached_property
    def groups(self) -> Mapping[str, Mapping[str, str]]:
        """Groups of samples that are not independent: kind -> sample id -> label; see `hyle.zoo.group_samples`."""
        return group_samples(self.samples)

    @property
    def version(self) -> str:
        """The first 16 hex digits of the SHA-256 of all ids and views but the optional one, in order."""
        return self._version(optional=False)

    @property
    def recipe(self) -> dict[str, str]:
        """The entries of a recipe (provenance) that identify this data set: name, version, source, origin of ids."""
        return self.recipe_for("any")

    def recipe_for(self, view: str) -> dict[str, str]:
        """Return `recipe` for a model that reads a view; if it is the optional one, the version includes it."""
        return {
            "dataset": self.name,
            "dataset_version": self._version(optional=view == OPTIONAL),
            "dataset_source": self.source,
            "ids": self.ids_from,
        }

    def _version(self, *, optional: bool) -> str:
        digest = hashlib.sha256()
        for sample in self.samples:
            sample.update_hash(digest, optional=optional)
        return digest.hexdigest()[:16]

    def head(self, n: int) -> Dataset:
        """Return the first n samples as a data set of the same name."""
        return replace(self, samples=self.samples[:n])
