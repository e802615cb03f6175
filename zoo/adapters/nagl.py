"""NAGL, the graph networks that give the force fields of OpenFF their charges, in torch alone.

The library itself is in no package registry of Python; a test holds this file against the charges that the package of
the weights states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._adapter import Adapter, Output
from .._errors import InputError
from .._rdkit import molecule, unreadable
from ..weights import tensors_only

if TYPE_CHECKING:
    import torch

    from .._samples import Sample
    from ..cards import ModelCard


class NAGL(Adapter):
    """Per-atom vectors [atoms, 512] of molecules, hydrogens among them; no geometry is read.

    GraphSAGE of Hamilton et al. (2017), arXiv 1706.02216. With N(i) the neighbours of atom i:

        h_i <- relu(W h_i + w + V mean_{j in N(i)} h_j)

    Layers: ``gcn_layers.K``, h after step K, counted from 0; the last is the input of the network for charges.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        from torch import nn

        content = tensors_only(files["weights"])
        state, told = content["state_dict"], content["hyperparameters"]
        self.features: Sequence[Mapping[str, Any]] = told["config"]["atom_features"]
        self.elements = set(told["chemical_domain"]["allowed_elements"])
        self.forbidden: Sequence[str] = told["chemical_domain"]["forbidden_patterns"]

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
                    nn.ModuleDict({one: linear(f"{name}.{one}") for one in ("fc_self", "fc_neigh")}) for name in names
                ),
                "readout": nn.Sequential(linear(f"{readout}.0"), nn.Sigmoid(), linear(f"{readout}.3")),
            }
        )
        self.model.eval().requires_grad_(False).to(device)

    def unsupported(self, sample: Sample) -> str | None:
        """Refuse what lies outside the chemistry that the authors name, and formal charges."""
        from rdkit import Chem

        smiles = sample.view(self.card.view)
        mol = None if unreadable(smiles) else Chem.AddHs(molecule(smiles))
        if mol is None:
            return unreadable(smiles)
        others = sorted({atom.GetSymbol() for atom in mol.GetAtoms() if atom.GetAtomicNum() not in self.elements})
        if others:
            return f"not trained for {', '.join(others)}"
        if any(atom.GetFormalCharge() for atom in mol.GetAtoms()):
            # The library averages them over resonance forms, of which it has rules of its own.
            return "formal charges, which only the library can turn into the features that it was trained with"
        bad = [pattern for pattern in self.forbidden if mol.HasSubstructMatch(Chem.MolFromSmarts(pattern))]
        return f"has {bad[0]}, which the authors exclude" if bad else None

    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        """Return the vectors of all atoms, in RDKit's order, hydrogens that SMILES leave out last."""
        import torch
        from rdkit import Chem

        mols = [Chem.AddHs(molecule(sample.view(self.card.view))) for sample in samples]
        counts = [mol.GetNumAtoms() for mol in mols]
        starts = np.cumsum([0, *counts[:-1]])
        ends = [
            (start + bond.GetBeginAtomIdx(), start + bond.GetEndAtomIdx())
            for start, mol in zip(starts, mols, strict=True)
            for bond in mol.GetBonds()
        ]
        pairs = torch.tensor(ends, dtype=torch.long).reshape(-1, 2).to(self.device)
        rows = np.array([self._features(atom) for mol in mols for atom in mol.GetAtoms()], np.float32)
        with torch.no_grad():
            steps = int(layer.rpartition(".")[2]) + 1
            return Output(self._messages(torch.from_numpy(rows).to(self.device), pairs, steps), counts)

    def _messages(self, h: torch.Tensor, pairs: torch.Tensor, steps: int) -> torch.Tensor:
        """Map atom features h [atoms, f] and bonds [bonds, 2] to [atoms, d]."""
        import torch

        model: Any = self.model
        source, target = torch.cat([pairs, pairs.flip(1)]).T
        degree = torch.bincount(target, minlength=len(h)).clamp(min=1)[:, None]
        for step in model.gcn_layers[:steps]:
            mean = torch.zeros_like(h).index_add_(0, target, h[source]) / degree
            h = torch.relu(step["fc_self"](h) + step["fc_neigh"](mean))
        return h

    def _features(self, atom: Any) -> list[float]:
        row: list[float] = []
        for feature in self.features:
            if feature["name"] == "atomic_element":
                row += [float(atom.GetSymbol() == one) for one in feature["categories"]]
            elif feature["name"] == "atom_connectivity":
                row += [float(atom.GetDegree() == one) for one in feature["categories"]]
            elif feature["name"] == "atom_in_ring_of_size":
                row.append(float(atom.IsInRingSize(feature["ring_size"])))
            elif feature["name"] == "atom_average_formal_charge":
                row.append(0.0)  # others are refused
            else:
                raise InputError(f"{self.files['weights']} asks for the feature {feature['name']}, unknown here")
        return row
