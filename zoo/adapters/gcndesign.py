"""GCNdesign, a graph network that designs sequences for a backbone, in plain torch.

The library reads PDB files and unpickles the complete network; a test compares this module with the library if it is
installed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..adapter import OnePassAdapter, Output
from ..weights import module_state
from ._layers import layer_number

if TYPE_CHECKING:
    import torch

    from ..base import Sample
    from ..cards import ModelCard

NEIGHBOURS = 20
BREAK = 2.0  # Angstrom; longer backbone bonds count as broken
MEAN, STD = 6.4, 2.4  # Angstrom; they standardise the distances, as in training


class GCNdesign(OnePassAdapter):
    """Per-residue vectors [residues, 120] of the embedding, which reads the backbone but no residue types.

    Minami (2023), the gcndesign package. The initial node features are sines and cosines of the dihedral angles. The
    initial edge features are the distances between N, CA, C, O, CB and H of a residue and those of the 20 residues with
    the nearest CB; O, CB and H are placed by ideal geometry. Each layer appends to an edge a function of its features
    and of its two nodes, and to a node a function of the sum over its edges.

    Layers: ``rgclayer.N``, the node features after layer N, counted from 0; each layer is wider than the one before.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        from torch import nn

        state = {
            key.removeprefix("embedding."): value
            for key, value in module_state(files["weights"]).items()
            if key.startswith("embedding.") and not key.endswith("num_batches_tracked")
        }
        state = {key.replace(".", "/"): value for key, value in state.items()}
        self.running = {key: value.to(device) for key, value in state.items() if "running" in key}
        self.model = nn.ParameterDict({key: value for key, value in state.items() if key not in self.running})
        self.model.requires_grad_(False).eval().to(device)

    def unsupported(self, sample: Sample) -> str | None:
        """Reject incomplete backbones, and chains that are too short for the number of neighbours."""
        backbone = np.asarray(sample.view(self.card.view))
        if len(backbone) < NEIGHBOURS + 2:
            return f"{len(backbone)} residues; the model needs {NEIGHBOURS + 2}"
        return None if np.isfinite(backbone).all() else "a residue without its N, CA, C or O"

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the vectors of all residues after each layer; proteins are run one at a time."""
        import torch

        numbers = [layer_number(layer) for layer in layers]
        backbones = [np.asarray(sample.view(self.card.view), np.float64) for sample in samples]
        with torch.no_grad():
            states = [self._run(backbone, max(numbers)) for backbone in backbones]
        counts = [len(backbone) for backbone in backbones]
        return [Output(torch.cat([state[number] for state in states]), counts) for number in numbers]

    def _run(self, backbone: np.ndarray, last: int) -> list[torch.Tensor]:
        """Return the vectors of the residues after all layers up to the last."""
        import torch

        nodes, edges, nearest = features(backbone)
        # The library adds an empty residue before and after the chain.
        x = torch.from_numpy(np.pad(nodes, ((1, 1), (0, 0)))).float().to(self.device)
        e = torch.from_numpy(np.pad(edges, ((1, 1), (0, 0), (0, 0)))).float().to(self.device)
        ends = np.tile(np.arange(NEIGHBOURS), (1, 1))
        j = torch.from_numpy(np.concatenate([ends, nearest + 1, ends])).to(self.device)
        x = self._apply("nodefeature0", x.T[None], self._instance_norm)[0].T
        states = []
        for number in range(last + 1):
            centre = x[:, None].expand(-1, NEIGHBOURS, -1)
            layer = f"rgclayer/{number}"
            new_e = self._apply(
                f"{layer}/edgeupdate", torch.cat([centre, e, x[j]], 2).transpose(1, 2), self._batch_norm
            )
            e = torch.cat([e, new_e.transpose(1, 2)], 2)
            messages = self._apply(
                f"{layer}/encoding", torch.cat([centre, e, x[j]], 2).transpose(1, 2), self._batch_norm
            )
            new_x = self._apply(f"{layer}/residual", messages.sum(2, keepdim=True), self._batch_norm)
            x = torch.cat([x, new_x[:, :, 0]], 1)
            states.append(x[1:-1].clone())
        return states

    def _apply(self, name: str, x: torch.Tensor, norm: Callable[[str, torch.Tensor], torch.Tensor]) -> Any:
        """Apply a list of modules: convolutions and residual blocks, followed by a norm and a ReLU."""
        inner = [key.removeprefix(f"{name}/") for key in self.model if key.startswith(f"{name}/")]
        for number in sorted({int(key.split("/")[0]) for key in inner}):
            part = f"{name}/{number}"
            if f"{part}/conv1/weight" in self.model:
                x = self._residual(part, x, norm)
            elif self.model[f"{part}/weight"].dim() == 3:
                x = self._convolve(part, x)
            else:
                x = norm(part, x).relu()
        return x

    def _residual(self, name: str, x: torch.Tensor, norm: Callable[[str, torch.Tensor], torch.Tensor]) -> Any:
        y = self._convolve(f"{name}/conv1", norm(f"{name}/bn1", x).relu())
        y = self._convolve(f"{name}/conv2", norm(f"{name}/bn2", y).relu())
        if f"{name}/shortcut/conv/weight" in self.model:
            x = self._convolve(f"{name}/shortcut/conv", norm(f"{name}/shortcut/bn", x))
        return x + y

    def _convolve(self, name: str, x: torch.Tensor) -> torch.Tensor:
        from torch.nn.functional import conv1d

        weight = self.model[f"{name}/weight"]
        return conv1d(x, weight, self.model[f"{name}/bias"], padding=weight.shape[2] // 2)

    def _batch_norm(self, name: str, x: torch.Tensor) -> torch.Tensor:
        from torch.nn.functional import batch_norm

        mean, var = self.running[f"{name}/running_mean"], self.running[f"{name}/running_var"]
        return batch_norm(x, mean, var, self.model[f"{name}/weight"], self.model[f"{name}/bias"])

    def _instance_norm(self, name: str, x: torch.Tensor) -> torch.Tensor:
        from torch.nn.functional import instance_norm

        return instance_norm(x, weight=self.model[f"{name}/weight"], bias=self.model[f"{name}/bias"])


def features(backbone: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Map N, CA, C, O [residues, 4, 3] to nodes [residues, 6], edges [residues, 20, 36] and neighbours."""
    n, ca, c = (backbone[:, k] for k in range(3))
    o, h = backbone[:, 3].copy(), n.copy()
    o[:-1] = _place(ca[1:], n[1:], c[:-1], 1.24, 122.7, 0.0)
    h[1:] = _place(ca[:-1], c[:-1], n[1:], 1.00, 123.0, 0.0)
    cb = (_place(c, n, ca, 1.54, 110.6, -124.4) + _place(n, c, ca, 1.54, 110.6, 121.5)) / 2
    cb[-1] = o[-1]  # as in training
    distances = np.linalg.norm(cb[:, None] - cb, axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = np.sort(np.argsort(distances, axis=1, kind="stable")[:, :NEIGHBOURS], axis=1)

    phi, psi, omega = (np.zeros(len(n)) for _ in range(3))
    phi[1:] = _dihedral(c[:-1], n[1:], ca[1:], c[1:])
    psi[:-1] = _dihedral(n[:-1], ca[:-1], c[:-1], n[1:])
    omega[:-1] = _dihedral(ca[:-1], c[:-1], n[1:], ca[1:])
    nodes = np.stack([f(angle) for angle in (phi, psi, omega) for f in (np.sin, np.cos)], 1)
    nodes[0, :2] = 0
    nodes[-1, 2:] = 0

    atoms = np.stack([n, ca, c, o, cb, h], 1)
    between = np.linalg.norm(atoms[:, None, :, None] - atoms[nearest][:, :, None], axis=4)
    edges = (between.reshape(len(n), NEIGHBOURS, 36) - MEAN) / STD
    broken = (np.linalg.norm(n - ca, axis=1) > BREAK) | (np.linalg.norm(ca - c, axis=1) > BREAK)
    gap = np.linalg.norm(c[:-1] - n[1:], axis=1) > BREAK
    broken[:-1] |= gap
    broken[1:] |= gap
    edges[broken] = 0
    return nodes, edges, nearest


def _place(a: np.ndarray, b: np.ndarray, c: np.ndarray, bond: float, angle: float, dihedral: float) -> np.ndarray:
    """Return the position of an atom bonded to c, from its bond length and its angle and dihedral in degrees."""
    angle, dihedral = np.deg2rad(angle), np.deg2rad(dihedral)
    z = _unit(b - c)
    x = _unit(np.cross(a - c, b - c))
    local = (np.sin(angle) * np.sin(dihedral), np.sin(angle) * np.cos(dihedral), np.cos(angle))
    axes = (x, np.cross(z, x), z)
    return c + bond * sum(part * axis for part, axis in zip(local, axes, strict=True))


def _dihedral(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    first, second = _unit(np.cross(b - a, c - b)), _unit(np.cross(c - b, d - c))
    angle = np.arccos(np.clip((first * second).sum(1), -1, 1))
    return np.where(((b - a) * second).sum(1) > 0, angle, -angle)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
