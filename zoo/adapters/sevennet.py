"""SevenNet, an equivariant potential on e3nn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..adapter import OnePassAdapter, Output
from ..base import outputs_of
from .atoms import neutral_only

if TYPE_CHECKING:
    from ..base import Sample
    from ..cards import ModelCard


class SevenNet(OnePassAdapter):
    """Per-atom vectors [atoms, d] of molecules and crystals, and total energies in eV.

    A layer is the name of a module of the library's model, and the vectors are its node features. The default, the gate
    of the last interaction block, is the invariant input of the readout.

    Options:
        modal: the level of theory, for networks with several.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        from sevenn.util import load_checkpoint

        self.model: Any = load_checkpoint(str(files["weights"])).build_model()
        # Without forces, no gradients are needed.
        self.model.delete_module_by_key("force_output")
        self.model.key_grad = None
        self.model.set_is_batch_data(True)
        self.model.eval().to(device)
        self.modal = card.options.get("modal")

    def unsupported(self, sample: Sample) -> str | None:
        """Reject elements that the model does not know, ions and high spin."""
        return neutral_only(sample.view(self.card.view), self.model.type_map)

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the node features of some modules, and the energies."""
        import torch
        from sevenn import _keys as keys
        from sevenn.atom_graph_data import AtomGraphData
        from sevenn.train.dataload import unlabeled_atoms_to_graph
        from torch_geometric.data import Batch

        structures = [sample.view(self.card.view) for sample in samples]
        graphs = [unlabeled_atoms_to_graph(atoms, self.model.cutoff) for atoms in structures]
        for graph in graphs if self.modal else ():
            graph[keys.DATA_MODALITY] = self.modal
        batch = Batch.from_data_list([AtomGraphData.from_numpy_dict(graph) for graph in graphs]).to(self.device)
        with torch.no_grad(), outputs_of(self.model, layers, itemgetter(keys.NODE_FEATURE)) as taken:
            energies = self.model(batch)[keys.PRED_TOTAL_ENERGY].tolist()
        counts = [len(atoms) for atoms in structures]
        return [Output(taken[layer][0], counts, energies) for layer in layers]
