"""NAGL, the graph networks that predict partial charges for the OpenFF force fields, in plain torch.

The library is in no Python package registry; a test compares this module with the reference charges in the package of
the weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..adapter import OnePassAdapter, Output
from ..base import InputError, molecule, unreadable
from ..nodes import heavy_atom_numbers
from ..weights import tensors_only
from ._layers import layer_number
from ._molecular_graphs import molecular_graphs, sage_step

if TYPE_CHECKING:
    from ..base import Sample
    from ..cards import ModelCard


class NAGL(OnePassAdapter):
    """Per-atom vectors [atoms, 512] of molecules, including hydrogens; the geometry is not used.

    GraphSAGE of Hamilton et al. (2017), arXiv 1706.02216. With N(i) the neighbours of atom i:

        h_i <- relu(W h_i + w + V mean_{j in N(i)} h_j)

    Layers: ``gcn_layers.K``, h after step K, counted from 0; the last is the input of the charge network.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        from torch import nn

        content = tensors_only(files["weights"])
        state, settings = content["state_dict"], content["hyperparameters"]
        self.features: Sequence[Mapping[str, Any]] = settings["config"]["atom_features"]
        self.elements = set(settings["chemical_domain"]["allowed_elements"])
        self.forbidden: Sequence[str] = settings["chemical_domain"]["forbidden_patterns"]

        def linear(name: str) -> nn.Linear:
            weight, bias = state[f"{name}.weight"], state.get(f"{name}.bias")
            module = nn.Linear(weight.shape[1], weight.shape[0], bias is not None)
            module.load_state_dict({"weight": weight} if bias is None else {"weight": weight, "bias": bias})
            return module

        steps = len({key.split(".")[2] for key in state if key.startswith("convolution_module.gcn_layers.")})
        names = [f"convolution_module.gcn_layers.{k}" for k in range(steps)]
        readout = "readout_modules.am1bcc_charges.readout_layers"
        self.model = nn.ModuleDict(
            {
                "gcn_layers": nn.ModuleList(
                    nn.ModuleDict({part: linear(f"{name}.{part}") for part in ("fc_self", "fc_neigh")})
                    for name in names
                ),
                "readout": nn.Sequential(linear(f"{readout}.0"), nn.Sigmoid(), linear(f"{readout}.3")),
            }
        )
        self.model.eval().requires_grad_(False).to(device)

    def unsupported(self, sample: Sample) -> str | None:
        """Reject molecules outside the chemical domain that the authors define, and formal charges."""
        from rdkit import Chem

        smiles = sample.view(self.card.view)
        mol = None if unreadable(smiles) else Chem.AddHs(molecule(smiles))
        if mol is None:
            return unreadable(smiles)
        unknown = sorted({atom.GetSymbol() for atom in mol.GetAtoms() if atom.GetAtomicNum() not in self.elements})
        if unknown:
            return f"not trained for {', '.join(unknown)}"
        if any(atom.GetFormalCharge() for atom in mol.GetAtoms()):
            # The library averages them over resonance forms, which it enumerates with its own rules.
            return "formal charges, for which only the library can compute the features"
        bad = [pattern for pattern in self.forbidden if mol.HasSubstructMatch(Chem.MolFromSmarts(pattern))]
        return f"has {bad[0]}, which the authors exclude" if bad else None

    def node_numbers(self, sample: Sample) -> Sequence[int]:
        """Return the numbers of the heavy atoms, and -1 for hydrogens that are not in the string."""
        return heavy_atom_numbers(sample.view(self.card.view))

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the vectors of all atoms in RDKit's order, with implicit hydrogens last, after each layer."""
        import torch

        smiles = [sample.view(self.card.view) for sample in samples]
        graphs = molecular_graphs(smiles, self._features, self.device)
        model: Any = self.model
        h = graphs.features
        with torch.no_grad():
            states = []
            for step in model.gcn_layers[: max(map(layer_number, layers)) + 1]:
                h = sage_step(h, graphs.bonds, step["fc_self"], step["fc_neigh"])
                states.append(h)
        return [Output(states[layer_number(layer)], graphs.counts) for layer in layers]

    def _features(self, atom: Any) -> list[float]:
        row: list[float] = []
        for feature in self.features:
            if feature["name"] == "atomic_element":
                row += [float(atom.GetSymbol() == symbol) for symbol in feature["categories"]]
            elif feature["name"] == "atom_connectivity":
                row += [float(atom.GetDegree() == degree) for degree in feature["categories"]]
            elif feature["name"] == "atom_in_ring_of_size":
                row.append(float(atom.IsInRingSize(feature["ring_size"])))
            elif feature["name"] == "atom_average_formal_charge":
                row.append(0.0)  # charged molecules are rejected
            else:
                raise InputError(f"{self.files['weights']} needs the feature {feature['name']}, which is not supported")
        return row
