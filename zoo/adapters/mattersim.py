"""MatterSim, an invariant potential for crystals at any temperature and pressure, with the M3GNet architecture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..adapter import OnePassAdapter, Output
from ..base import InputError, outputs_of
from .atoms import bare_atoms, charged, lone_atom, unknown_element

if TYPE_CHECKING:
    from ..base import Sample
    from ..cards import ModelCard


class MatterSim(OnePassAdapter):
    """Per-atom vectors [atoms, d] of molecules and crystals, and total energies in eV.

    Layer ``graph_conv.N`` is the atom output of block N of the library's network, counted from 0; ``last``, the
    default, is the last of them, the input of the readout.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch
        from mattersim.datasets.utils.convertor import GraphConvertor
        from mattersim.forcefield.m3gnet.m3gnet import M3Gnet

        checkpoint = torch.load(files["weights"], map_location="cpu", weights_only=True)
        sizes = checkpoint["model_args"]
        network = M3Gnet(device=device, **sizes)
        missing = network.load_state_dict(checkpoint["model"], strict=False).missing_keys
        if missing:
            raise InputError(f"{files['weights']} has no weights for {missing[:3]}; they would be random")
        if sizes["units"] != card.dim:
            raise InputError(
                f"{files['weights']} has width {sizes['units']}, but the card of {card.name} expects {card.dim}"
            )
        self.model: Any = network.to(device).eval().requires_grad_(False)
        self.convert = GraphConvertor("m3gnet", sizes["cutoff"], True, sizes["threebody_cutoff"])

    def unsupported(self, sample: Sample) -> str | None:
        """Reject elements that the model does not know, isolated atoms, ions and high spin."""
        atoms = sample.view(self.card.view)
        return unknown_element(atoms, range(1, self.model.max_z + 1)) or lone_atom(atoms) or charged(atoms)

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the vectors of all atoms after each layer, and the energies."""
        import torch
        from mattersim.forcefield.potential import batch_to_dict
        from torch_geometric.data import Batch

        structures = [sample.view(self.card.view) for sample in samples]
        batch = Batch.from_data_list([self._graph(atoms) for atoms in structures])
        last = f"graph_conv.{len(self.model.graph_conv) - 1}"
        names = [last if layer == "last" else layer for layer in layers]
        with torch.no_grad(), outputs_of(self.model, names, lambda out: out[0].clone()) as taken:
            energies = self.model(batch_to_dict(batch, device=self.device)).tolist()
        counts = [len(atoms) for atoms in structures]
        return [Output(taken[name][0], counts, energies) for name in names]

    def _graph(self, atoms: Any) -> Any:
        return self.convert.convert(bare_atoms(atoms, wrap=True), None, None, None)
