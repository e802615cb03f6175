"""DPA-3, published as TorchScript: torch alone runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._adapter import Adapter, Output
from ._refusals import partly_periodic, unknown_element

if TYPE_CHECKING:
    from .._cards import ModelCard
    from .._samples import Sample


class DPA3(Adapter):
    """Per-atom descriptors [atoms, d] of molecules and crystals, the input of the energy network, and energies in eV.

    Structures run one after the other: the frozen model takes frames of one size only.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch

        self.model = torch.jit.load(str(files["weights"]), map_location=device).eval()
        self.types = {symbol: i for i, symbol in enumerate(self.model.get_type_map())}
        self.model.atomic_model.enable_eval_descriptor_hook = True

    def unsupported(self, sample: Sample) -> str | None:
        """Refuse elements that the model does not know, and slabs and wires."""
        atoms = sample.view(self.card.view)
        return unknown_element(atoms, self.types) or partly_periodic(atoms)

    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        """Return the descriptors of all atoms, and energies."""
        import torch

        structures = [sample.view(self.card.view) for sample in samples]
        features, energies = [], []
        # The frozen model differentiates its energy whether asked or not. Optimised, the first calls take half a minute
        # to compile what is then no faster.
        with torch.enable_grad(), torch.jit.optimized_execution(False):
            for atoms in structures:
                descriptor, energy = self._run(atoms)
                features.append(descriptor)
                energies.append(energy)
        return Output(torch.cat(features), [len(atoms) for atoms in structures], energies)

    def _run(self, atoms: Any) -> tuple[Any, float]:
        import torch

        kept: Any = self.model.atomic_model
        kept.eval_descriptor_list = []  # it would go on growing
        positions = torch.tensor(atoms.positions, device=self.device)[None]
        types = torch.tensor([[self.types[symbol] for symbol in atoms.get_chemical_symbols()]], device=self.device)
        cell = torch.tensor(atoms.cell.array.reshape(1, 9), device=self.device) if atoms.pbc.any() else None
        energy = self.model(positions, types, cell)["energy"].detach().item()
        return kept.eval_descriptor_list[0][0].detach().float(), energy
