"""DIEP, an invariant potential whose bond and angle features are integrals over a field of the nuclei."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..adapter import OnePassAdapter, Output
from ..base import outputs_of
from .atoms import bare_atoms, neutral_only

if TYPE_CHECKING:
    from ..base import Sample
    from ..cards import ModelCard


class DIEP(OnePassAdapter):
    """Per-atom vectors [atoms, 64] of molecules and crystals, and total energies in eV.

    A layer is the name of a module of the library's model, and the vectors are its node features. The default, the last
    graph layer, is the input of the readout. Structures are run one at a time.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        from diep.apps.pes import Potential
        from diep.ext.ase import Atoms2Graph

        self.potential = Potential.load({path.name: path for path in files.values()}).eval().to(device)
        self.potential.calc_forces = self.potential.calc_stresses = False
        self.model = self.potential.model
        self.graph = Atoms2Graph(self.model.element_types, self.model.cutoff)

    def unsupported(self, sample: Sample) -> str | None:
        """Reject elements that the model does not know, ions and high spin."""
        return neutral_only(sample.view(self.card.view), self.model.element_types)

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the node features of some modules, and the energies."""
        import torch

        structures = [sample.view(self.card.view) for sample in samples]
        with torch.no_grad(), outputs_of(self.model, layers, itemgetter(1)) as taken:
            energies = [self._energy(atoms) for atoms in structures]
        counts = [len(atoms) for atoms in structures]
        return [Output(torch.cat(taken[layer]), counts, energies) for layer in layers]

    def _energy(self, atoms: Any) -> float:
        graph, lattice, _ = self.graph.get_graph(bare_atoms(atoms, wrap=True))
        return float(self.potential(graph.to(self.device), lattice.to(self.device))[0])
