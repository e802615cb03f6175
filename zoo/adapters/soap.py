"""SOAP power spectra: descriptors of the geometry, without any training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..adapter import Adapter, Output

if TYPE_CHECKING:
    from ..base import Sample
    from ..cards import ModelCard


class SOAP(Adapter):
    """Per-atom power spectra [atoms, d], compressed to pairs of each element with all elements.

    Bartók, Kondor and Csányi (2013), doi 10.1103/PhysRevB.87.184115, in the compression mu1nu1 of Darby, Kermode and
    Csányi (2022), doi 10.1038/s41524-022-00847-y.

    Options:
        heaviest: largest atomic number that has columns.
        r_cut: cutoff in Angstrom.
        n_max: number of radial functions.
        l_max: maximum degree of the spherical harmonics.
        sigma: width of the atom density, in Angstrom.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        from dscribe import descriptors

        options: dict[str, Any] = {key: card.options[key] for key in ("r_cut", "n_max", "l_max", "sigma")}
        species = range(1, card.options["heaviest"] + 1)
        options |= {"species": species, "compression": {"mode": "mu1nu1"}}
        self.libraries = {periodic: descriptors.SOAP(periodic=periodic, **options) for periodic in (False, True)}

    def unsupported(self, sample: Sample) -> str | None:
        """Reject elements that have no columns."""
        heaviest = sample.view(self.card.view).numbers.max()
        return f"no column for atomic number {heaviest}" if heaviest > self.card.options["heaviest"] else None

    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        """Return the spectra of all atoms."""
        structures = [sample.view(self.card.view) for sample in samples]
        spectra = [self.libraries[bool(atoms.pbc.any())].create(atoms).astype(np.float32) for atoms in structures]
        return Output(np.concatenate(spectra), [len(atoms) for atoms in structures])
