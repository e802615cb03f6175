"""SO3LR, an equivariant transformer with long-range terms for biomolecules, in its PyTorch port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..adapter import Adapter, Output
from .atoms import bare_atoms, neutral_only

if TYPE_CHECKING:
    from ..base import Sample
    from ..cards import ModelCard


class SO3LR(Adapter):
    """Per-atom invariant vectors [atoms, 128], the input of all output networks, and total energies in eV.

    Options:
        elements: symbols of the trained elements; the parameters of other elements are meaningless.
        long_range: cutoff of electrostatics and dispersion, in Angstrom.
        damping: width over which dispersion is damped at that cutoff, in Angstrom.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch

        # The library publishes the pickled module, which weights_only cannot read.
        self.model = torch.load(files["weights"], map_location=device, weights_only=False).float().eval()
        self.model.r_max_lr = card.options["long_range"]
        self.model.dispersion_energy_cutoff_lr_damping = card.options["damping"]
        self.elements = frozenset(card.options["elements"])

    def unsupported(self, sample: Sample) -> str | None:
        """Reject untrained elements, ions and high spin.

        The network embeds a charge and a spin, but its energies of small ions are wrong by several eV.
        """
        return neutral_only(sample.view(self.card.view), self.elements)

    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        """Return the vectors of all atoms, and the energies."""
        import torch
        from so3krates_torch.tools.torch_geometric.batch import Batch

        structures = [sample.view(self.card.view) for sample in samples]
        batch = Batch.from_data_list([self._graph(atoms) for atoms in structures]).to(self.device)
        with torch.no_grad():
            out = self.model(batch.to_dict(), compute_force=False, return_descriptors=True)
        return Output(out[layer], [len(atoms) for atoms in structures], out["energy"].tolist())

    def _graph(self, atoms: Any) -> Any:
        from so3krates_torch.data.atomic_data import AtomicData
        from so3krates_torch.data.utils import KeySpecification, config_from_atoms
        from so3krates_torch.tools.utils import AtomicNumberTable

        return AtomicData.from_config(
            config_from_atoms(bare_atoms(atoms), key_specification=KeySpecification()),
            z_table=AtomicNumberTable(list(range(1, 119))),
            cutoff=float(self.model.r_max),
            cutoff_lr=self.model.r_max_lr,
        )
