"""CAUSTIC, a PaiNN network that predicts NMR shifts of proteins from all their atoms, in plain torch.

The package of the weights runs them with ONNX Runtime; a test compares this module with its results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..adapter import OnePassAdapter, Output
from ..weights import onnx_weights
from ._layers import layer_number
from .caustic_graph import CUTOFF, Graph, protein_graph

if TYPE_CHECKING:
    import torch

    from ..base import Sample
    from ..cards import ModelCard

GAUSSIANS = 20
DEPTH = 4


class Caustic(OnePassAdapter):
    """Per-residue vectors [residues, 128] of the network in front of the heads that predict shifts.

    Zinke (2026), the caustic-nmr package. Nodes are the atoms of a chain and the centres of its aromatic rings; H and
    HA that are not in the file are placed by ideal geometry. Each node has a vector s, from its element, amino acid,
    role and B factor, and three equivariant vectors v, which start as the normals of rings. A block adds messages of at
    most 32 neighbours, of which s and v are weighted by functions of the distance, the separation in the sequence and
    hydrogen bonds. The whole observed chain is read; rows are those of the residues of the backbone: the mean over H,
    HA, N, CA, CB and C, whose vectors the heads read.

    Layers: ``trunk``, s plus the lengths of v, which the heads read; ``interactions.N``, s after block N, counted from
    0.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch
        from torch import nn

        state = {
            name.removeprefix("model."): torch.from_numpy(value)
            for name, value in onnx_weights(files["weights"]).items()
        }

        def linear(name: str) -> nn.Linear:
            weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
            module = nn.Linear(weight.shape[1], weight.shape[0])
            module.load_state_dict({"weight": weight, "bias": bias})
            return module

        def perceptron(name: str) -> nn.Sequential:
            return nn.Sequential(linear(f"{name}.0"), nn.SiLU(), linear(f"{name}.2"))

        def norm(name: str) -> nn.LayerNorm:
            module = nn.LayerNorm(len(state[f"{name}.weight"]))
            module.load_state_dict({part: state[f"{name}.{part}"] for part in ("weight", "bias")})
            return module

        def table(name: str) -> nn.Embedding:
            return nn.Embedding.from_pretrained(state[f"{name}.weight"])

        blocks = [
            {part: perceptron(f"interactions.{i}.{part}") for part in ("filter_net", "scalar_net", "vec_scale")}
            | {"norm": norm(f"interactions.{i}.layer_norm_s")}
            for i in range(DEPTH)
        ]
        self.model: Any = nn.ModuleDict(
            {
                **{name: table(name) for name in ("element_emb", "aa_emb", "role_emb", "seq_sep_emb")},
                "input": nn.Sequential(linear("input_proj.0"), nn.SiLU()),
                "blocks": nn.ModuleList(map(nn.ModuleDict, blocks)),
            }
        )
        self.model.eval().requires_grad_(False).to(device)

    def unsupported(self, sample: Sample) -> str | None:
        """Reject chains without side chains."""
        protein = sample.view(self.card.view)
        first, end = protein.segment
        if not 0 <= first < end <= len(protein.sequence):
            return "no residue with all of N, CA, C and O"
        if "CB" not in protein.names and set(protein.sequence) != {"G"}:
            return "no side-chain atoms"
        return None

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the vectors of the residues of the backbones; proteins are run one at a time."""
        import torch

        rows: dict[str, list[torch.Tensor]] = {layer: [] for layer in layers}
        for sample in samples:
            protein = sample.view(self.card.view)
            graph = protein_graph(protein)
            targets = torch.from_numpy(graph.targets[slice(*protein.segment)]).to(self.device)
            present = (targets >= 0)[:, :, None]
            for layer, nodes in self.nodes(graph, layers).items():
                taken = nodes[targets.clamp(min=0)]
                rows[layer].append((taken * present).sum(1) / present.sum(1))
        return [Output(torch.cat(rows[layer]), [len(each) for each in rows[layer]]) for layer in layers]

    def nodes(self, graph: Graph, layers: Sequence[str]) -> dict[str, torch.Tensor]:
        """Return the vectors of all nodes of a graph after some layers, each [nodes, 128]."""
        import torch

        last = max(DEPTH - 1 if layer == "trunk" else layer_number(layer) for layer in layers)
        states = []
        with torch.no_grad():
            source, target = self._tensor(graph.edges)
            positions = self._tensor(graph.positions)
            between = positions[source] - positions[target]
            distance = torch.linalg.vector_norm(between, dim=1, keepdim=True).clamp(min=1e-6)
            direction, edges = between / distance, self._edges(graph, distance)
            cut = 0.5 * ((distance * (torch.pi / CUTOFF)).cos() + 1) * (distance < CUTOFF)
            tables = {"element_emb": graph.elements, "aa_emb": graph.letters, "role_emb": graph.roles}
            embedded = [self.model[name](self._tensor(rows)) for name, rows in tables.items()]
            s = self.model["input"](torch.cat([*embedded, self._tensor(graph.b_factors)[:, None] / 100], 1))
            v = self._tensor(graph.normals)[:, :, None].repeat(1, 1, s.shape[1])
            for block in self.model["blocks"][: last + 1]:
                kept, along_v, along_r = (block["filter_net"](edges) * cut).chunk(3, 1)
                sent = along_v[:, None] * v[source] + (along_r * s[source])[:, None] * direction[:, :, None]
                scalars = torch.zeros_like(s).index_add(0, target, kept * s[source])
                vectors = torch.zeros_like(v).index_add(0, target, sent)
                lengths = torch.linalg.vector_norm(vectors, dim=1)
                s = block["norm"](s + block["scalar_net"](torch.cat([scalars, lengths], 1)))
                v = v + block["vec_scale"](s)[:, None] * vectors
                states.append(s)
            found = {f"interactions.{number}": state for number, state in enumerate(states)}
            if "trunk" in layers:
                found["trunk"] = s + torch.linalg.vector_norm(v, dim=1)
            return {layer: found[layer] for layer in layers}

    def _edges(self, graph: Graph, distance: torch.Tensor) -> torch.Tensor:
        """Return the features of edges, [edges, 39]."""
        import torch

        centres = torch.linspace(0, CUTOFF, GAUSSIANS, device=self.device)
        radial = torch.exp(-(((distance - centres) * (GAUSSIANS / CUTOFF)) ** 2))
        separation = self.model["seq_sep_emb"](self._tensor(graph.separations))
        return torch.cat([radial, separation, self._tensor(graph.bonds)], 1)

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        import torch

        tensor = torch.from_numpy(array)
        return (tensor.float() if tensor.is_floating_point() else tensor).to(self.device)
