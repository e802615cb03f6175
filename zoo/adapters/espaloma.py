"""Espaloma Charge, the graph network that predicts AM1-BCC partial charges, in plain torch.

The expaloma package contains the weights and runs them in JAX; a test compares this module with its results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..adapter import OnePassAdapter, Output
from ..base import InputError, molecule, unreadable
from ..nodes import heavy_atom_numbers
from ._molecular_graphs import molecular_graphs, sage_step

if TYPE_CHECKING:
    import torch

    from ..base import Sample
    from ..cards import ModelCard

ELEMENTS = ("H", "C", "N", "O", "F", "P", "S", "Cl", "Br", "I")
NUMBERS = 100  # columns of the one-hot atomic number
HYBRIDISATIONS = ("SP", "SP2", "SP3", "SP3D", "SP3D2")
NO_HYBRIDISATION = ("S", "UNSPECIFIED")  # a row of zeros
RINGS = range(3, 9)  # ring sizes


class Espaloma(OnePassAdapter):
    """Per-atom vectors [atoms, 128] of molecules, including hydrogens; the geometry is not used.

    Wang et al. (2024), doi 10.1021/acs.jpca.4c01287: GraphSAGE of Hamilton et al. (2017), arXiv 1706.02216. With N(i)
    the neighbours of atom i:

        h_i <- relu(W h_i + w + V mean_{j in N(i)} h_j)

    Layers: ``sages.K``, h after step K, counted from 0; the last is the input of the linear layer that predicts
    electronegativity and hardness. ``atom_embedding``, h before the first step.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        from torch import nn

        arrays = _arrays(files["weights"])
        if len(arrays) < 7 or (len(arrays) - 4) % 3:
            raise InputError(f"{files['weights']} has {len(arrays)} arrays, which are not those of the network")
        # In the order of the file: the input layer, W, w and V of each step, and the readout.
        steps = [arrays[i : i + 3] for i in range(2, len(arrays) - 2, 3)]
        self.model: Any = nn.ModuleDict(
            {
                "atom_embedding": _linear(*arrays[:2]),
                "sages": nn.ModuleList(
                    nn.ModuleDict({"self": _linear(weight, bias), "neighbours": _linear(other)})
                    for weight, bias, other in steps
                ),
                "readout": _linear(*arrays[-2:]),
            }
        )
        self.model.eval().requires_grad_(False).to(device)

    def unsupported(self, sample: Sample) -> str | None:
        """Reject molecules with other elements or hybridisations than those of training."""
        smiles = sample.view(self.card.view)
        if unreadable(smiles):
            return unreadable(smiles)
        atoms = molecule(smiles).GetAtoms()
        unknown = sorted({atom.GetSymbol() for atom in atoms} - set(ELEMENTS))
        if unknown:
            return f"not trained for {', '.join(unknown)}"
        odd = {str(atom.GetHybridization()) for atom in atoms} - {*HYBRIDISATIONS, *NO_HYBRIDISATION}
        return f"not trained for {', '.join(sorted(odd))} hybridisation" if odd else None

    def node_numbers(self, sample: Sample) -> Sequence[int]:
        """Return the numbers of the heavy atoms, and -1 for hydrogens that are not in the string."""
        return heavy_atom_numbers(sample.view(self.card.view))

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the vectors of all atoms in RDKit's order, with implicit hydrogens last, after each layer."""
        import torch

        smiles = [sample.view(self.card.view) for sample in samples]
        graphs = molecular_graphs(smiles, _features, self.device)
        with torch.no_grad():
            h = self.model["atom_embedding"](graphs.features).tanh()
            found = {"atom_embedding": h}
            for number, step in enumerate(self.model["sages"]):
                h = found[f"sages.{number}"] = sage_step(h, graphs.bonds, step["self"], step["neighbours"])
        return [Output(found[layer], graphs.counts) for layer in layers]


def _features(atom: Any) -> list[float]:
    from rdkit import Chem

    numbers = [0.0] * NUMBERS
    numbers[atom.GetAtomicNum()] = 1.0
    hybridisation = str(atom.GetHybridization())
    return [
        *numbers,
        atom.GetTotalDegree(),
        atom.GetTotalValence(),
        atom.GetValence(Chem.ValenceType.EXPLICIT),
        float(atom.GetIsAromatic()),
        atom.GetMass(),
        *(float(atom.IsInRingSize(size)) for size in RINGS),
        *(float(hybridisation == known) for known in HYBRIDISATIONS),
    ]


def _arrays(path: Path) -> list[np.ndarray]:
    """Return the arrays of a file of NumPy arrays one after the other, as equinox writes them."""
    arrays = []
    size = path.stat().st_size
    with path.open("rb") as stream:
        while stream.tell() < size:
            arrays.append(np.load(stream, allow_pickle=False))
    return arrays


def _linear(weight: np.ndarray, bias: np.ndarray | None = None) -> torch.nn.Linear:
    import torch

    module = torch.nn.Linear(weight.shape[1], weight.shape[0], bias is not None)
    named = {"weight": weight} | ({} if bias is None else {"bias": bias})
    module.load_state_dict({name: torch.from_numpy(values) for name, values in named.items()})
    return module
