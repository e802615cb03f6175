"""The directed message-passing network of Chemprop 2, in plain torch, for ADMET-AI and CheMeleon.

The chemprop package pins one RDKit release through a compiled featuriser and imports about forty packages to apply
three matrices; a test compares this module with chemprop if it is installed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..adapter import Adapter, Output
from ..base import molecule, unreadable
from ..weights import tensors_only

if TYPE_CHECKING:
    import torch

    from ..base import Sample
    from ..cards import ModelCard

# Categories of each block of the atom features; one more column encodes any other value.
ELEMENTS = (*range(1, 37), 53)
DEGREES = tuple(range(6))
CHARGES = (-1, -2, 1, 2, 0)
CHIRALITIES = tuple(range(4))
HYDROGENS = tuple(range(5))
HYBRIDISATIONS = ("S", "SP", "SP2", "SP2D", "SP3", "SP3D", "SP3D2")
BONDS = ("SINGLE", "DOUBLE", "TRIPLE", "AROMATIC")
STEREO = tuple(range(6))


class DMPNN(Adapter):
    """Per-atom vectors [heavy atoms, d] after the last step, the input of the library's aggregation.

    Yang et al. (2019), doi 10.1021/acs.jcim.8b00237. With atom features x and bond features e, for a bond from v to w:

        h0_vw = W_i [x_v, e_vw];  h_vw <- relu(h0_vw + W_h sum_{u != w} h_uv);  h_v = relu(W_o [x_v, sum_u h_uv])

    Options:
        depth: number of steps, including the first.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        from torch import nn

        state = tensors_only(files["weights"])["state_dict"]
        # The layers after message passing are not used; some checkpoints contain only the message-passing layers.
        prefix = "message_passing." if any(key.startswith("message_passing.") for key in state) else ""
        state = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        self.model = nn.ModuleDict()
        for name in ("W_i", "W_h", "W_o"):
            d_out, d_in = state[f"{name}.weight"].shape
            self.model[name] = nn.Linear(d_in, d_out, bias=f"{name}.bias" in state)
        self.model.load_state_dict(state)
        self.model.eval().to(device)

    def unsupported(self, sample: Sample) -> str | None:
        """Reject SMILES that RDKit cannot read."""
        return unreadable(sample.view(self.card.view))

    def node_numbers(self, sample: Sample) -> Sequence[int]:
        """Return the numbers of the atoms that RDKit reads."""
        return range(molecule(sample.view(self.card.view)).GetNumAtoms())

    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        """Return the vectors of all heavy atoms."""
        import torch

        mols = [molecule(sample.view(self.card.view)) for sample in samples]
        counts = [mol.GetNumAtoms() for mol in mols]
        first = np.cumsum([0, *counts])
        atoms = [atom_features(atom) for mol in mols for atom in mol.GetAtoms()]
        bonds = [bond for mol in mols for bond in mol.GetBonds()]
        ends = [
            (begin + bond.GetBeginAtomIdx(), begin + bond.GetEndAtomIdx())
            for begin, mol in zip(first, mols, strict=False)
            for bond in mol.GetBonds()
        ]
        x = torch.tensor(np.array(atoms, np.float32)).to(self.device)
        # The two directions of a bond are adjacent rows.
        e = torch.tensor(np.array([bond_features(bond) for bond in bonds], np.float32).reshape(-1, 14))
        e = e.repeat_interleave(2, 0).to(self.device)
        pairs = torch.tensor(ends, dtype=torch.long).reshape(-1, 2)
        source = pairs.flatten().to(self.device)
        target = pairs.flip(1).flatten().to(self.device)
        with torch.no_grad():
            return Output(self._messages(x, e, source, target), counts)

    def _messages(self, x: torch.Tensor, e: torch.Tensor, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Map x [atoms, 72], e [directed bonds, 14], source and target [directed bonds] to [atoms, d]."""
        import torch

        model: Any = self.model

        def gather(bonds: torch.Tensor) -> torch.Tensor:
            return bonds.new_zeros(len(x), bonds.shape[1]).index_add_(0, target, bonds)

        h0 = model.W_i(torch.cat([x[source], e], 1))
        h = torch.relu(h0)
        for _ in range(1, self.card.options["depth"]):
            back = h.reshape(-1, 2, h.shape[1]).flip(1).reshape(h.shape)
            h = torch.relu(h0 + model.W_h(gather(h)[source] - back))
        return torch.relu(model.W_o(torch.cat([x, gather(h)], 1)))


def atom_features(atom: Any) -> list[float]:
    """Return the 72 features of Chemprop 2's default atom featuriser."""
    return [
        *_one_hot(atom.GetAtomicNum(), ELEMENTS),
        *_one_hot(atom.GetTotalDegree(), DEGREES),
        *_one_hot(atom.GetFormalCharge(), CHARGES),
        *_one_hot(int(atom.GetChiralTag()), CHIRALITIES),
        *_one_hot(atom.GetTotalNumHs(), HYDROGENS),
        *_one_hot(str(atom.GetHybridization()), HYBRIDISATIONS),
        float(atom.GetIsAromatic()),
        0.01 * atom.GetMass(),
    ]


def bond_features(bond: Any) -> list[float]:
    """Return the 14 features of Chemprop 2's default bond featuriser; the first marks a missing bond."""
    return [
        0.0,
        *_one_hot(str(bond.GetBondType()), BONDS)[:-1],
        float(bond.GetIsConjugated()),
        float(bond.IsInRing()),
        *_one_hot(int(bond.GetStereo()), STEREO),
    ]


def _one_hot(value: object, known: Sequence[object]) -> list[float]:
    row = [0.0] * (len(known) + 1)
    row[known.index(value) if value in known else -1] = 1.0
    return row
