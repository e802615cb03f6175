"""PET, the point-edge transformer of PET-MAD: a potential that learns the symmetries of space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._adapter import Adapter, Output
from ._refusals import charged, unknown_element

if TYPE_CHECKING:
    from .._samples import Sample
    from ..cards import ModelCard


class PET(Adapter):
    """Per-atom vectors [atoms, d] of molecules and crystals, and total energies in eV.

    A layer is an output of the library's model. The default, the last-layer features, is what the last linear map turns
    into energies: node and edge channels of every readout, summed over the edges of an atom. Vectors turn a little with
    the sample: nothing in the architecture keeps them from it.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        from metatomic_ase import MetatomicCalculator
        from metatrain.utils.io import load_model

        # The library unpickles the file, whose hash is known here.
        self.model: Any = load_model(str(files["weights"])).eval()
        for parameter in self.model.parameters():
            parameter.requires_grad_(False)
        # It finds neighbours; nothing of it is asked to differentiate.
        self.calculator = MetatomicCalculator(self.model.export(), device=device)
        self.elements = frozenset(int(number) for number in self.model.atomic_types)

    def unsupported(self, sample: Sample) -> str | None:
        """Refuse elements that the model does not know, and ions."""
        atoms = sample.view(self.card.view)
        return unknown_element(atoms, self.elements) or charged(atoms)

    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        """Return the vectors of all atoms, and energies."""
        import torch
        from metatomic.torch import ModelOutput

        structures = [sample.view(self.card.view) for sample in samples]
        wanted = {layer: ModelOutput(sample_kind="atom"), "energy": ModelOutput(sample_kind="system")}
        with torch.no_grad():
            out = self.calculator.run_model([self._bare(atoms) for atoms in structures], wanted)
        features = out[layer].block().values.detach().float().clone()
        energies = out["energy"].block().values.flatten().tolist()
        return Output(features, [len(atoms) for atoms in structures], energies)

    def _bare(self, atoms: Any) -> Any:
        from ase import Atoms

        # Near the origin, because the library turns to float32.
        bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        if atoms.pbc.any():
            bare.wrap()
        else:
            bare.cell = None
            bare.positions -= bare.positions.mean(0)
        return bare
