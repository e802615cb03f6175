"""CSP5, the PaiNN networks that predict NMR shifts of molecules, in plain torch.

The package of the weights needs compiled code and RDKit; a test compares this module with its results.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..adapter import OnePassAdapter, Output
from ._layers import layer_number
from .atoms import lone_atom, neutral_molecule_only

if TYPE_CHECKING:
    import torch

    from ..base import Sample
    from ..cards import ModelCard

CUTOFF = 5.0  # Angstrom
NEIGHBOURS = 20
CLOSEST = 0.9  # Angstrom; the authors exclude geometries with closer atoms
EXPONENT = 6  # of the polynomial that takes the radial functions to zero at the cutoff
# Atomic number -> row of the embedding: C, O, H, N, Cl, S, Br, F, I, Si, P. Row 1 is for all other elements.
ROWS = {number: row for row, number in enumerate((6, 8, 1, 7, 17, 16, 35, 9, 53, 14, 15), 2)}


class CSP5(OnePassAdapter):
    """Per-atom vectors [atoms, 256] of molecules, invariant under rotation and reflection.

    PaiNN of Schütt, Unke and Gastegger (2021), arXiv 2102.03150. Each atom has a vector s and three vectors v, which
    turn with the molecule; a block adds messages of the nearest neighbours, at most 20 within 5 Angstrom, and mixes s
    and v of each atom. Layers: ``blocks.N``, s after block N, counted from 0; the last is the input of the networks
    that predict shifts.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch
        from torch import nn

        state = torch.load(files["weights"], map_location="cpu", weights_only=True)

        def linear(name: str) -> nn.Linear:
            weight, bias = state[f"{name}.weight"], state.get(f"{name}.bias")
            module = nn.Linear(weight.shape[1], weight.shape[0], bias is not None)
            module.load_state_dict({"weight": weight} if bias is None else {"weight": weight, "bias": bias})
            return module

        def table(name: str) -> nn.Embedding:
            return nn.Embedding.from_pretrained(state[f"{name}.weight"])

        depth = len({name.split(".")[1] for name in state if name.startswith("convs.")})
        parts = {"convs": ("dense_s", "dense_phi", "dense_w"), "updates": ("dense1", "lin_u", "lin_v", "dense_a")}
        blocks = [
            {part: linear(f"{kind}.{i}.{part}") for kind, names in parts.items() for part in names}
            for i in range(depth)
        ]
        self.model: Any = nn.ModuleDict(
            {
                "embedding": table("embedding"),
                "blocks": nn.ModuleList(map(nn.ModuleDict, blocks)),
                "readout": nn.Sequential(linear("mlp.0"), nn.SiLU(), linear("mlp.2")),
                "solvent_embedding": table("solvent_embedding"),
                "solvent_bias": table("solvent_bias"),
                "solvent": nn.Sequential(linear("solvent_adapter.0"), nn.SiLU(), linear("solvent_adapter.3")),
            }
        )
        self.model.register_parameter("frequencies", nn.Parameter(state["bessel_basis.frequencies"]))
        self.model.eval().requires_grad_(False).to(device)

    def unsupported(self, sample: Sample) -> str | None:
        """Reject all but neutral molecules of the trained elements, and atoms without neighbours."""
        atoms = sample.view(self.card.view)
        reason = neutral_molecule_only(atoms, ROWS) or lone_atom(atoms)
        if reason:
            return reason
        distances = _distances(atoms.positions)
        if distances.min() < CLOSEST:
            return f"two atoms closer than {CLOSEST:g} Angstrom, which the authors exclude"
        far = int((distances.min(1) >= CUTOFF).sum())
        return f"{far} of {len(atoms)} atoms without a neighbour within {CUTOFF:g} Angstrom" if far else None

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return s of all atoms after some blocks."""
        import torch

        molecules = [sample.view(self.card.view) for sample in samples]
        counts = [len(atoms) for atoms in molecules]
        rows = [ROWS[number] for atoms in molecules for number in atoms.numbers.tolist()]
        # Centred in float64, so that distances in float32 do not depend on the position of the molecule.
        centred = [atoms.positions - atoms.positions.mean(0) for atoms in molecules]
        starts = np.cumsum([0, *counts[:-1]])
        pairs = np.concatenate([edges(x) + start for x, start in zip(centred, starts, strict=True)])
        target, source = torch.from_numpy(pairs).T.to(self.device)
        positions = torch.from_numpy(np.concatenate(centred).astype(np.float32)).to(self.device)
        with torch.no_grad():
            between = positions[target] - positions[source]
            distance = torch.linalg.vector_norm(between, dim=1, keepdim=True)
            radial, direction = self._radial(distance), between / distance
            s = self.model["embedding"](torch.tensor(rows, device=self.device))
            # The authors start from this instead of zero, which the gradient of a norm would divide by.
            v = torch.full((len(s), 3, s.shape[1]), torch.finfo(s.dtype).eps, device=self.device)
            states = []
            for block in self.model["blocks"][: max(map(layer_number, layers)) + 1]:
                s, v = _message(block, s, v, radial, direction, target, source)
                s, v = _update(block, s, v)
                states.append(s)
        return [Output(states[layer_number(layer)], counts) for layer in layers]

    def _radial(self, distance: torch.Tensor) -> torch.Tensor:
        """Map distances [edges, 1] to radial functions [edges, 20], times a polynomial that is zero at the cutoff."""
        x, p = distance / CUTOFF, EXPONENT
        cut = 1 / x - (p + 1) * (p + 2) / 2 * x ** (p - 1) + p * (p + 2) * x**p - p * (p + 1) / 2 * x ** (p + 1)
        return cut * (self.model.frequencies * x).sin()


def _message(
    block: Any,
    s: torch.Tensor,
    v: torch.Tensor,
    radial: torch.Tensor,
    direction: torch.Tensor,
    target: torch.Tensor,
    source: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Add the messages of neighbours to s [atoms, d] and v [atoms, 3, d]."""
    import torch

    sent = block["dense_phi"](torch.nn.functional.silu(block["dense_s"](s)))[source]
    scalar, along_v, along_r = (sent * block["dense_w"](radial)).chunk(3, 1)
    vector = v[source] * along_v[:, None] + direction[:, :, None] * along_r[:, None]
    return s.index_add(0, target, scalar), v.index_add(0, target, vector)


def _update(block: Any, s: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mix s [atoms, d] and v [atoms, 3, d] of each atom."""
    import torch

    left, right = block["lin_u"](v), block["lin_v"](v)
    mixed = block["dense1"](torch.cat([s, torch.linalg.vector_norm(right, dim=1)], 1))
    vv, sv, ss = block["dense_a"](torch.nn.functional.silu(mixed)).chunk(3, 1)
    return s + (left * right).sum(1) * sv + ss, v + left * vv[:, None]


def _distances(positions: np.ndarray) -> np.ndarray:
    """Return the distances of all pairs of atoms, [n, n], infinite on the diagonal."""
    distances = np.linalg.norm(positions[:, None] - positions, axis=2)
    np.fill_diagonal(distances, math.inf)
    return distances


def edges(positions: np.ndarray) -> np.ndarray:
    """Return pairs of atom and neighbour, [edges, 2] int64, with the nearest neighbours of each atom."""
    # Of neighbours at equal distances, the first count, whatever the rounding errors of a rotated molecule.
    distances = _distances(positions).round(5)
    nearest = distances.argsort(1, kind="stable")[:, :NEIGHBOURS]
    atom, rank = (np.take_along_axis(distances, nearest, 1) < CUTOFF).nonzero()
    return np.stack([atom, nearest[atom, rank]], 1)
