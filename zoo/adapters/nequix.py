"""Nequix, small equivariant potentials for the whole periodic table, in plain torch with the tensors of e3nn.

The library runs in JAX; its files are read without it, and a test compares this module with its results.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..adapter import OnePassAdapter, Output
from ..base import InputError
from ._layers import layer_number
from .atoms import bare_atoms, neutral_only, partly_periodic

if TYPE_CHECKING:
    import torch

    from ..base import Sample
    from ..cards import ModelCard

# Degree l -> features [atoms, channels, 2l + 1].
Features = dict[int, "torch.Tensor"]


class Nequix(OnePassAdapter):
    """Per-atom scalars [atoms, 128] of crystals and molecules, and total energies in eV.

    Koker et al. (2025), arXiv 2508.16067: a NequIP of Batzner et al. (2022), doi 10.1038/s41467-022-29939-5, with layer
    normalisation. Layers: ``layers.N``, the scalars after convolution N, counted from 0; the last are the input of the
    readout. The vectors and tensors of the earlier ones are not part of the rows.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch
        from torch import nn

        self.settings, arrays = _read(files["weights"])
        settings = self.settings
        self.degrees = _channels(settings["hidden_irreps"])
        self.index = {number: row for row, number in enumerate(sorted(settings["atomic_numbers"]))}
        self.constant = _second_moment()
        rest = iter(torch.from_numpy(array) for array in arrays)

        def take(degrees: Sequence[int]) -> nn.ParameterDict:
            return nn.ParameterDict({str(degree): nn.Parameter(next(rest)) for degree in degrees})

        # In the order of the file.
        energies, layers = next(rest), []
        for i in range(settings["n_layers"]):
            degrees_in = [0] if i == 0 else list(self.degrees)
            degrees_out = [0] if i == settings["n_layers"] - 1 else list(self.degrees)
            radial = nn.ParameterList(nn.Parameter(next(rest)) for _ in range(settings["radial_mlp_layers"] + 1))
            parts = {"linear_1": degrees_in, "linear_2": degrees_out}
            parts |= {"skip": [degree for degree in degrees_in if degree in degrees_out], "layer_norm": degrees_out}
            layers.append(nn.ModuleDict({"radial": radial} | {name: take(degrees) for name, degrees in parts.items()}))
        self.model: Any = nn.ModuleDict({"layers": nn.ModuleList(layers), "readout": take([0])})
        self.model.register_buffer("atom_energies", energies)
        if next(rest, None) is not None:
            raise InputError(f"{files['weights']} has more arrays than the network in its settings")
        self.model.eval().requires_grad_(False).to(device)

    def unsupported(self, sample: Sample) -> str | None:
        """Reject unknown elements, ions, high spin, and slabs and wires."""
        atoms = sample.view(self.card.view)
        return neutral_only(atoms, self.index) or partly_periodic(atoms)

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the scalars after some convolutions, and the energies."""
        import torch
        from ase.neighborlist import neighbor_list
        from e3nn import o3

        structures = [bare_atoms(sample.view(self.card.view)) for sample in samples]
        counts = [len(atoms) for atoms in structures]
        receivers, senders, vectors = [], [], []
        for start, atoms in zip(np.cumsum([0, *counts[:-1]]), structures, strict=True):
            i, j, vector = neighbor_list("ijD", atoms, float(self.settings["cutoff"]))
            receivers.append(i + start)
            senders.append(j + start)
            vectors.append(vector)
        target, source = (torch.from_numpy(np.concatenate(part)).to(self.device) for part in (receivers, senders))
        vector = torch.from_numpy(np.concatenate(vectors).astype(np.float32)).to(self.device)
        numbers = [self.index[number] for atoms in structures for number in atoms.numbers.tolist()]
        species = torch.tensor(numbers, device=self.device)
        scalars = []
        with torch.no_grad():
            radial = self._radial(torch.linalg.vector_norm(vector, dim=1))
            harmonics = o3.spherical_harmonics(
                list(range(self.settings["lmax"] + 1)), vector, normalize=True, normalization="component"
            )
            features = {0: torch.nn.functional.one_hot(species, len(self.index)).float()[:, :, None]}
            for i, part in enumerate(self.model["layers"]):
                last = i == len(self.model["layers"]) - 1
                out = [0] if last else list(self.degrees)
                messages = self._messages(part, features, harmonics, radial, target, source, out)
                features = self._update(part, features, messages)
                scalars.append(features[0][:, :, 0])
            energies = _linear(features[0], self.model["readout"]["0"])[:, 0, 0]
            energies = energies * self.settings["scale"] + self.settings["shift"] + self.model.atom_energies[species]
            owner = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts)).to(self.device)
            totals = torch.zeros(len(counts), dtype=torch.float64, device=self.device)
            totals.index_add_(0, owner, energies.double())
        return [Output(scalars[layer_number(layer)], counts, totals.tolist()) for layer in layers]

    def _radial(self, distance: torch.Tensor) -> torch.Tensor:
        """Map distances [edges] to Bessel functions [edges, k], times a polynomial that is zero at the cutoff."""
        import torch

        settings = self.settings
        x, p = distance[:, None] / settings["cutoff"], settings["radial_polynomial_p"]
        waves = torch.arange(1, settings["radial_basis_size"] + 1, device=x.device) * torch.pi
        cut = 1 - (p + 1) * (p + 2) / 2 * x**p + p * (p + 2) * x ** (p + 1) - p * (p + 1) / 2 * x ** (p + 2)
        return 2 / settings["cutoff"] * (waves * x).sin() / distance[:, None] * cut * (x < 1)

    def _messages(
        self,
        part: Any,
        features: Features,
        harmonics: torch.Tensor,
        radial: torch.Tensor,
        target: torch.Tensor,
        source: torch.Tensor,
        degrees: Sequence[int],
    ) -> Features:
        """Return the mean messages to each atom, by degree, with the products of all degrees as channels."""
        import torch
        from e3nn import o3

        *inner, final = part["radial"]
        for weight in inner:
            radial = torch.nn.functional.silu(radial @ weight)
        sent = {degree: _linear(x, part["linear_1"][str(degree)]) for degree, x in features.items()}
        n, start, messages = len(sent[0]), 0, {}
        for out in degrees:
            parts = []
            for first, x in sent.items():
                for second in range(self.settings["lmax"] + 1):
                    # The parity of a degree l is (-1)^l for all features here.
                    if not abs(first - second) <= out <= first + second or (first + second + out) % 2:
                        continue
                    channels = x.shape[1]
                    product = o3.wigner_3j(first, second, out, dtype=x.dtype, device=x.device) * (2 * out + 1) ** 0.5
                    around = torch.einsum("ej,ijk->eik", harmonics[:, second**2 : (second + 1) ** 2], product)
                    weights = radial @ final[:, start : start + channels]
                    start += channels
                    total = x.new_zeros(n, channels, 2 * out + 1)
                    parts.append(total.index_add_(0, target, x[source] @ around * weights[:, :, None]))
            messages[out] = torch.cat(parts, 1) / self.settings["avg_n_neighbors"] ** 0.5
        return messages

    def _update(self, part: Any, features: Features, messages: Features) -> Features:
        """Return the features after a convolution: of messages and old features, normalised and gated."""
        import torch

        mixed = {degree: _linear(x, part["linear_2"][str(degree)]) for degree, x in messages.items()}
        mixed |= {degree: mixed[degree] + _linear(features[int(degree)], w) for degree, w in _items(part["skip"])}
        squares = [x.square().sum(1).mean(1) / x.shape[2] for x in mixed.values()]
        scale = (sum(squares) / len(squares) + 1e-12) ** -0.5
        norms = part["layer_norm"]
        mixed = {degree: x * norms[str(degree)][:, None] * scale[:, None, None] for degree, x in mixed.items()}
        scalars = torch.nn.functional.silu(mixed[0]) / self.constant
        start = scalars.shape[1] - sum(x.shape[1] for degree, x in mixed.items() if degree)
        gated = {0: scalars[:, :start]}
        for degree, x in mixed.items():
            if degree:
                gated[degree] = x * scalars[:, start : start + x.shape[1]]
                start += x.shape[1]
        return gated


def _items(parameters: Any) -> list[tuple[int, torch.Tensor]]:
    return [(int(degree), weight) for degree, weight in parameters.items()]


def _linear(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Mix channels: x [n, a, m] and weight [a, b] to [n, b, m]."""
    import torch

    return torch.einsum("nam,ab->nbm", x, weight) / len(weight) ** 0.5


def _second_moment() -> float:
    """Return the root of the mean square of silu for a normal distribution, by which e3nn divides it."""
    from scipy.special import erfinv

    x = 2**0.5 * erfinv(np.linspace(-1, 1, 1_000_003)[1:-1])
    return float(np.mean((x / (1 + np.exp(-x))) ** 2) ** 0.5)


def _channels(irreps: str) -> dict[int, int]:
    """Map ``128x0e + 64x1o`` to degree -> number of channels."""
    terms = [term.strip().partition("x") for term in irreps.split("+")]
    return {int(degree[:-1]): int(channels) for channels, _, degree in terms}


def _read(path: Path) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Return the settings in the first line of a file, and the arrays after it; single numbers are skipped."""
    arrays, size = [], path.stat().st_size
    with path.open("rb") as stream:
        settings = json.loads(stream.readline())
        while size - stream.tell() > 1:  # a file may end with a line break
            arrays.append(np.load(stream, allow_pickle=False))
    return settings, [array for array in arrays if array.ndim]
