"""Geom2Vec, networks on molecular geometries that learned to remove noise: the ViSNet ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..adapter import OnePassAdapter, Output
from .atoms import neutral_molecule_only

if TYPE_CHECKING:
    from ..base import Sample
    from ..cards import ModelCard

HEADS = 8
NEIGHBOURS = 32  # including the atom itself
ZERO = 1e-7  # norm below which a vector is zero but for rounding errors in float64
PREFIX = "representation_model."


class Geom2VecViSNet(OnePassAdapter):
    """Per-atom vectors [atoms, d] of molecules, invariant under rotation and reflection.

    Pengmei et al. (2024), arXiv 2409.19838. ViSNet of Wang et al. (2024), doi 10.1038/s41467-023-43720-2, with the
    modules of PyTorch Geometric. Each atom has scalars and vectors, and so has each pair of atoms within the cutoff.

    Layers: ``out_norm``, the normalised scalars, which Geom2Vec uses; ``vis_mp_layers.N``, the scalars after block N,
    counted from 0.

    Options:
        elements: symbols of the trained elements.
        cutoff: in Angstrom.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch
        from torch_geometric.nn.models.visnet import ViSNetBlock

        state = torch.load(files["weights"], map_location="cpu", weights_only=True)
        state = {name.removeprefix(PREFIX): value for name, value in state.items() if name.startswith(PREFIX)}
        rows, width = state["embedding.weight"].shape
        self.cutoff: float = card.options["cutoff"]
        self.model: Any = ViSNetBlock(
            vecnorm_type="max_min",
            trainable_vecnorm=True,
            num_heads=HEADS,
            num_layers=len({name.split(".")[1] for name in state if name.startswith("vis_mp_layers.")}),
            hidden_channels=width,
            num_rbf=len(state["distance_expansion.means"]),
            max_z=rows,
            cutoff=self.cutoff,
        )
        self.model.load_state_dict(state)
        # In float64, and without vectors that symmetry makes zero: the network divides the vectors of each atom by the
        # largest of them, which would turn rounding errors into numbers of order one.
        self.model.double().eval().requires_grad_(False).to(device)
        for block in self.model.vis_mp_layers:
            block.vec_layernorm.register_forward_pre_hook(_without_rounding_errors)
        self.elements = frozenset(card.options["elements"])

    def unsupported(self, sample: Sample) -> str | None:
        """Reject all but neutral molecules of the trained elements."""
        return neutral_molecule_only(sample.view(self.card.view), self.elements)

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the scalars of all atoms after each layer."""
        import torch

        molecules = [sample.view(self.card.view) for sample in samples]
        counts = [len(atoms) for atoms in molecules]
        centred = [atoms.positions - atoms.positions.mean(0) for atoms in molecules]
        starts = np.cumsum([0, *counts[:-1]])
        pairs = np.concatenate([self._pairs(x) + start for x, start in zip(centred, starts, strict=True)])
        numbers = torch.from_numpy(np.concatenate([atoms.numbers for atoms in molecules])).long().to(self.device)
        positions = torch.from_numpy(np.concatenate(centred)).to(self.device)
        with torch.no_grad():
            features = self._run(numbers, positions, torch.from_numpy(pairs).T.contiguous().to(self.device))
        return [Output(features[layer].float(), counts) for layer in layers]

    def _run(self, numbers: Any, positions: Any, pairs: Any) -> dict[str, Any]:
        """Map atomic numbers [n], positions [n, 3] and pairs [2, pairs] of neighbour and atom to all layers [n, d]."""
        import torch

        # As in the forward method of the block, which needs the package torch-cluster to find the neighbours, and does
        # not return the scalars after each block.
        model = self.model
        between = positions[pairs[0]] - positions[pairs[1]]
        distances = torch.linalg.vector_norm(between, dim=1)
        direction = model.sphere(between / torch.where(distances > 0, distances, 1)[:, None])
        edges = model.distance_expansion(distances)
        x = model.neighbor_embedding(numbers, model.embedding(numbers), pairs, distances, edges)
        edges = model.edge_embedding(pairs, edges, x)
        vectors = x.new_zeros(len(x), direction.shape[1], x.shape[1])
        found = {}
        for number, block in enumerate(model.vis_mp_layers):
            change, turned, edge_change = block(x, vectors, pairs, distances, edges, direction)
            x, vectors = x + change, vectors + turned
            edges = edges if edge_change is None else edges + edge_change
            found[f"vis_mp_layers.{number}"] = x
        return found | {"out_norm": model.out_norm(x)}

    def _pairs(self, positions: np.ndarray) -> np.ndarray:
        """Return pairs of neighbour and atom, [pairs, 2] int64; each atom is also its own neighbour."""
        distances = np.linalg.norm(positions[:, None] - positions, axis=2).round(5)
        np.fill_diagonal(distances, -math.inf)  # kept when there are more than enough neighbours
        # Of neighbours at equal distances, the first count, whatever the rounding errors of a rotated molecule.
        nearest = distances.argsort(1, kind="stable")[:, :NEIGHBOURS]
        atom, rank = (np.take_along_axis(distances, nearest, 1) < self.cutoff).nonzero()
        return np.stack([nearest[atom, rank], atom], 1)


def _without_rounding_errors(_module: Any, inputs: tuple[Any]) -> tuple[Any]:
    """Set vectors [n, 3, d] that are zero but for rounding errors to zero."""
    import torch

    (vectors,) = inputs
    return (torch.where(torch.linalg.vector_norm(vectors, dim=1, keepdim=True) < ZERO, 0, vectors),)
