"""DPA-3, published as TorchScript, which runs with torch only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..adapter import Adapter, Output
from ._deepmd_neighbours import nearest_neighbours
from ._repflows import run_repflows
from .atoms import neutral_only, partly_periodic

if TYPE_CHECKING:
    from ..base import Sample
    from ..cards import ModelCard


class DPA3(Adapter):
    """Per-atom descriptors [atoms, d] of molecules and crystals, the input of the energy network, and energies in eV.

    The frozen model pads each atom to 120 neighbours and 900 angles, and always differentiates its energy. Here its
    layers are run on the actual neighbours and without gradients. Structures are run one at a time, because batches are
    slower.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch

        self.model = torch.jit.load(str(files["weights"]), map_location=device).eval()
        self.types = {symbol: i for i, symbol in enumerate(self.model.get_type_map())}
        self.cutoff = float(self.model.get_rcut())
        self.most = int(self.model.atomic_model.descriptor.repflows.nnei)

    def unsupported(self, sample: Sample) -> str | None:
        """Reject elements that the model does not know, ions and high spin, slabs and wires."""
        atoms = sample.view(self.card.view)
        return neutral_only(atoms, self.types) or partly_periodic(atoms)

    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        """Return the descriptors of all atoms, and the energies."""
        import torch

        structures = [sample.view(self.card.view) for sample in samples]
        features, energies = [], []
        # With optimisation, the first calls compile for half a minute, and later calls are no faster.
        with torch.no_grad(), torch.jit.optimized_execution(False):
            for atoms in structures:
                descriptor, energy = self._run(atoms)
                features.append(descriptor)
                energies.append(energy)
        return Output(torch.cat(features), [len(atoms) for atoms in structures], energies)

    def _run(self, atoms: Any) -> tuple[Any, float]:
        import torch

        coord, home, nearest = nearest_neighbours(atoms, self.cutoff, self.most, self.device)
        types = [self.types[symbol] for symbol in atoms.get_chemical_symbols()]
        atype = torch.tensor(types, device=self.device)[None]
        model: Any = self.model.atomic_model
        descriptor = run_repflows(model.descriptor, coord, atype[0], nearest, home)
        energy = model.apply_out_stat(model.fitting_net(descriptor[None].double(), atype), atype)["energy"]
        return descriptor.float(), energy.double().sum().item()
