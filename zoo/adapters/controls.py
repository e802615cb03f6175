"""Controls that models should outperform: noise, composition, and a fingerprint. No weights."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..adapter import Adapter, Output
from ..base import UNREADABLE, molecule, unreadable

if TYPE_CHECKING:
    from ..base import Sample
    from ..cards import ModelCard

LETTERS = 26


class Random(Adapter):
    """Gaussian vectors [n, dim], each seeded by the hash of the sample's id, so that the order does not matter.

    Options:
        seed: text that is hashed with the id; another seed gives other vectors.
    """

    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        """Return one random vector per sample."""
        rows = [
            np.random.default_rng(self._seed(sample)).standard_normal(self.card.dim, np.float32) for sample in samples
        ]
        return Output(np.stack(rows))

    def _seed(self, sample: Sample) -> int:
        digest = hashlib.sha256(f"{self.card.options['seed']}:{sample.id}".encode())
        return int.from_bytes(digest.digest()[:8], "little")


class Composition(Adapter):
    """Element fractions [n, dim], hydrogen included: column Z - 1 is the fraction of atomic number Z.

    For a sample that has only a sequence, they are residue fractions: column k - 1 is the fraction of letter k.
    """

    def unsupported(self, sample: Sample) -> str | None:
        """Reject samples with nothing to count, elements beyond the last column, and residues that are not letters."""
        if sample.atoms is None and sample.smiles is None and sample.sequence is None:
            return "neither atoms nor SMILES nor a sequence"
        numbers = _numbers(sample)
        if numbers is None:
            return UNREADABLE
        if len(numbers) == 0:
            return "no residues" if _of_letters(sample) else "no atoms"
        if _of_letters(sample):
            return None if 1 <= min(numbers) <= max(numbers) <= LETTERS else "a residue that is not a capital letter"
        if min(numbers) < 1 or max(numbers) > self.card.dim:
            return f"an atomic number outside 1..{self.card.dim}"
        return None

    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        """Return the fractions from the atoms of each sample, or else its SMILES, or else its sequence."""
        counts = np.stack([np.bincount(_numbers(s), minlength=self.card.dim + 1)[1:] for s in samples])
        return Output((counts / counts.sum(1, keepdims=True)).astype(np.float32))


class Morgan(Adapter):
    """Morgan count fingerprints [n, dim] of the molecular graph.

    Options:
        radius: in bonds from the central atom.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        from rdkit.Chem import rdFingerprintGenerator

        self.generator = rdFingerprintGenerator.GetMorganGenerator(radius=card.options["radius"], fpSize=card.dim)

    def unsupported(self, sample: Sample) -> str | None:
        """Reject SMILES that RDKit cannot read."""
        return unreadable(sample.view(self.card.view))

    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        """Return one fingerprint per sample."""
        mols = [molecule(sample.view(self.card.view)) for sample in samples]
        return Output(np.stack([self.generator.GetCountFingerprintAsNumPy(mol) for mol in mols]).astype(np.float32))


def _of_letters(sample: Sample) -> bool:
    return sample.atoms is None and sample.smiles is None


def _numbers(sample: Sample) -> Any:
    if sample.atoms is not None:
        return np.asarray(sample.atoms.numbers)
    if _of_letters(sample):
        # From code points, so that other characters become numbers that are rejected.
        return np.array([ord(letter) - ord("A") + 1 for letter in sample.view("sequence")], int)
    from rdkit import Chem

    mol = molecule(sample.view("smiles"))
    return None if mol is None else np.array([atom.GetAtomicNum() for atom in Chem.AddHs(mol).GetAtoms()], int)
