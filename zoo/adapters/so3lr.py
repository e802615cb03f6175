"""SO3LR, an equivariant transformer with long-range terms for biomolecules, in its PyTorch port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._adapter import Adapter, Output
from ._refusals import charged, unknown_element

if TYPE_CHECKING:
    from .._samples import Sample
    from ..cards import ModelCard


class SO3LR(Adapter):
    """Per-atom invariant vectors [atoms, 128], the input of every output network, and total energies in eV.

    Options:
        elements: the symbols that the model was trained for; it has numbers for others, which mean nothing.
        long_range: cutoff of electrostatics and dispersion in Angstrom.
        damping: width over which dispersion fades at that cutoff, in Angstrom.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch

        # The library publishes the whole pickled module, so weights_only cannot read it.
        self.model = torch.load(files["weights"], map_location=device, weights_only=False).float().eval()
        self.model.r_max_lr = card.options["long_range"]
        self.model.dispersion_energy_cutoff_lr_damping = card.options["damping"]
        self.elements = frozenset(card.options["elements"])

    def unsupported(self, sample: Sample) -> str | None:
        """Refuse other elements and declared charges."""
        atoms = sample.view(self.card.view)
        return unknown_element(atoms, self.elements) or charged(atoms)

    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        """Return the vectors of all atoms, and energies."""
        import torch
        from so3krates_torch.tools.torch_geometric.batch import Batch

        structures = [sample.view(self.card.view) for sample in samples]
        batch = Batch.from_data_list([self._graph(atoms) for atoms in structures]).to(self.device)
        with torch.no_grad():
            out = self.model(batch.to_dict(), compute_force=False, return_descriptors=True)
        return Output(out[layer], [len(atoms) for atoms in structures], out["energy"].tolist())

    def _graph(self, atoms: Any) -> Any:
        from ase import Atoms
        from so3krates_torch.data.atomic_data import AtomicData
        from so3krates_torch.data.utils import KeySpecification, config_from_atoms
        from so3krates_torch.tools.utils import AtomicNumberTable

        # Bare atoms, because the library reads keys of ``info``; centred in float64, because it turns to float32.
        centre = 0 if atoms.pbc.any() else atoms.positions.mean(0)
        bare = Atoms(atoms.numbers, atoms.positions - centre, cell=atoms.cell, pbc=atoms.pbc)
        return AtomicData.from_config(
            config_from_atoms(bare, key_specification=KeySpecification()),
            z_table=AtomicNumberTable(list(range(1, 119))),
            cutoff=float(self.model.r_max),
            cutoff_lr=self.model.r_max_lr,
        )
