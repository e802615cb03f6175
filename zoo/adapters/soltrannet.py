"""SolTranNet, a molecule attention transformer for solubility, in plain torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..adapter import OnePassAdapter, Output
from ..base import molecule, unreadable
from ._layers import layer_number

if TYPE_CHECKING:
    import torch

    from ..base import Sample
    from ..cards import ModelCard

# One column for each element, and one more for all other elements.
ELEMENTS = (5, 6, 7, 8, 9, 15, 16, 17, 35, 53)
HEADS, FAR = 2, -1e12


class SolTranNet(OnePassAdapter):
    """Per-atom vectors [heavy atoms, 8] after the last block, the input of the library's average pooling.

    Maziarka et al. (2020), arXiv 2002.08264, with Francoeur and Koes (2021), doi 10.1021/acs.jcim.1c00331. In each
    block, half of the attention comes from queries and keys and half is the normalised adjacency. An unconnected dummy
    node takes part in the attention and is excluded from the result.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch
        from torch import nn

        state = torch.load(files["weights"], map_location="cpu", weights_only=True)
        state = {key: value for key, value in state.items() if not key.startswith("generator.")}
        self.model = nn.ParameterDict(
            {key.replace(".", "/"): nn.Parameter(value, requires_grad=False) for key, value in state.items()}
        )
        self.model.eval().to(device)
        self.blocks = sum(key.endswith("self_attn.linears.0.weight") for key in state)

    def unsupported(self, sample: Sample) -> str | None:
        """Reject SMILES that RDKit cannot read."""
        return unreadable(sample.view(self.card.view))

    def node_numbers(self, sample: Sample) -> Sequence[int]:
        """Return the numbers of the atoms that RDKit reads."""
        return range(molecule(sample.view(self.card.view)).GetNumAtoms())

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the vectors of all heavy atoms after each layer."""
        import torch

        mols = [molecule(sample.view(self.card.view)) for sample in samples]
        counts = [mol.GetNumAtoms() for mol in mols]
        longest = max(counts) + 1
        nodes, bonds = torch.zeros(len(mols), longest, 28), torch.zeros(len(mols), longest, longest)
        for i, mol in enumerate(mols):
            nodes[i, 0, 0] = 1  # the dummy node
            nodes[i, 1 : counts[i] + 1, 1:] = torch.tensor(np.array([_features(atom) for atom in mol.GetAtoms()]))
            bonds[i, 1 : counts[i] + 1, 1 : counts[i] + 1] = torch.tensor(_adjacency(mol))
        nodes, bonds = nodes.to(self.device), bonds.to(self.device)
        mask = nodes.abs().sum(-1) > 0
        with torch.no_grad():
            states = self._encode(nodes, mask, bonds / (bonds.sum(-1, keepdim=True) + 1e-6))
        atoms = mask.clone()
        atoms[:, 0] = False
        return [Output(states[layer_number(layer)][atoms], counts) for layer in layers]

    def _linear(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return x @ self.model[f"{name}/weight"].T + self.model[f"{name}/bias"]

    def _norm(self, name: str, x: torch.Tensor) -> torch.Tensor:
        std = x.std(-1, keepdim=True) + 1e-6
        return self.model[f"{name}/a_2"] * (x - x.mean(-1, keepdim=True)) / std + self.model[f"{name}/b_2"]

    def _encode(self, nodes: torch.Tensor, mask: torch.Tensor, bonds: torch.Tensor) -> list[torch.Tensor]:
        """Return the input of the first block and the outputs of all blocks, the last normalised."""
        x = self._linear("src_embed/lut", nodes)
        states = [x]
        n, atoms, d = x.shape
        for i in range(self.blocks):
            block = f"encoder/layers/{i}"
            y = self._norm(f"{block}/sublayer/0/norm", x)
            query, key, value = (
                self._linear(f"{block}/self_attn/linears/{j}", y).view(n, atoms, HEADS, d // HEADS).transpose(1, 2)
                for j in range(3)
            )
            scores = query @ key.transpose(-2, -1) / (d // HEADS) ** 0.5
            attention = scores.masked_fill(~mask[:, None, None, :], FAR).softmax(-1)
            y = ((attention + bonds[:, None]) / 2 @ value).transpose(1, 2).reshape(n, atoms, d)
            x = x + self._linear(f"{block}/self_attn/linears/3", y)
            y = self._linear(f"{block}/feed_forward/linears/0", self._norm(f"{block}/sublayer/1/norm", x))
            x = x + y.relu()
            states.append(x)
        return [*states[:-1], self._norm("encoder/norm", x)]


def _features(atom: Any) -> np.ndarray:
    """Return 27 features: element, heavy neighbours, hydrogens, sign of the charge, in a ring, aromatic."""
    row = np.zeros(27, np.float32)
    number, charge = atom.GetAtomicNum(), atom.GetFormalCharge()
    row[ELEMENTS.index(number) if number in ELEMENTS else len(ELEMENTS)] = 1
    row[11 + min(len(atom.GetNeighbors()), 5)] = 1
    row[17 + min(atom.GetTotalNumHs(), 4)] = 1
    row[23 + (charge > 0) - (charge < 0)] = 1
    row[25:] = atom.IsInRing(), atom.GetIsAromatic()
    return row


def _adjacency(mol: Any) -> np.ndarray:
    from rdkit import Chem

    return (Chem.GetAdjacencyMatrix(mol) + np.eye(mol.GetNumAtoms())).astype(np.float32)
