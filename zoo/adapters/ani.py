"""The ANI potentials in plain torch: symmetry functions, then one network for each element.

The torchani package no longer contains the first weights, and its older versions need a setuptools that is no longer
available; a test compares this module with torchani if it is installed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from ..adapter import OnePassAdapter, Output
from ..base import HARTREE
from .atoms import neutral_molecule_only

if TYPE_CHECKING:
    import torch

    from ..base import Sample
    from ..cards import ModelCard

# The symmetry functions of ANI-1x, which its successors also use. Lengths in Angstrom.
RADIAL_CUTOFF, ANGULAR_CUTOFF = 5.2, 3.5
RADIAL_SHIFTS = [0.9 + 0.26875 * k for k in range(16)]
ANGULAR_SHIFTS = [0.9 + 0.65 * k for k in range(4)]
ANGLES = [(k + 0.5) * math.pi / 8 for k in range(8)]
RADIAL_ETA, ANGULAR_ETA, ZETA = 16.0, 8.0, 32.0


class ANI(OnePassAdapter):
    """Per-atom vectors [atoms, d] of neutral, isolated molecules, and total energies in eV.

    Smith, Isayev and Roitberg (2017), doi 10.1039/c6sc05720a. Each element has separate networks, so the vectors of
    different elements have no common basis: each element has a block of columns, which is zero for all other atoms.
    Vectors are those of one ensemble member; energies are the mean over all members.

    Layers: ``hidden``, the last hidden layer; ``aev``, the symmetry functions, which are the input of all members.

    Options:
        format: ``neurochem``, one raw file for each matrix, or ``state_dict``, one torch file.
        self_energies: element -> Hartree, in the element order of the networks.
        member: number of the ensemble member whose vectors are returned; default 0, the first.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        from torch import nn

        self.self_energies: Mapping[str, float] = card.options["self_energies"]
        self.elements = list(self.self_energies)
        read = {"neurochem": _neurochem, "state_dict": _state_dict}[card.options["format"]]
        members = [nn.ModuleDict({e: _network(m[e]) for e in self.elements}) for m in read(files, self.elements)]
        self.member = int(card.options.get("member", 0))
        self.model = nn.ModuleList(members).eval().to(device)

    def unsupported(self, sample: Sample) -> str | None:
        """Reject untrained elements, periodic structures, ions and high spin."""
        return neutral_molecule_only(sample.view(self.card.view), self.elements)

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the vectors of all atoms, and the energies."""
        import torch

        molecules = [sample.view(self.card.view) for sample in samples]
        counts = [len(atoms) for atoms in molecules]
        symbols = [symbol for atoms in molecules for symbol in atoms.get_chemical_symbols()]
        species = torch.tensor([self.elements.index(symbol) for symbol in symbols], device=self.device)
        # In float64, so that distances do not depend on the position of the molecule.
        positions = torch.tensor(np.concatenate([atoms.positions for atoms in molecules]), device=self.device)
        with torch.no_grad():
            aev = symmetry_functions(species, positions, counts, len(self.elements)).float()
            hidden, energies = self._read_out(species, aev)
        shift = torch.tensor([self.self_energies[symbol] for symbol in symbols], dtype=torch.float64)
        totals = [float(part.sum()) * HARTREE for part in (energies.cpu() + shift).split(counts)]
        return [Output(aev if layer == "aev" else hidden, counts, totals) for layer in layers]

    def _read_out(self, species: torch.Tensor, aev: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map species [atoms] and aev [atoms, a] to hidden vectors [atoms, d] and energies [atoms] in Hartree."""
        import torch

        members: Any = self.model
        blocks, energies = [], aev.new_zeros(len(aev), dtype=torch.float64)
        for index, element in enumerate(self.elements):
            selected = species == index
            for number, member in enumerate(members):
                network = member[element]
                h = network[:-1](aev[selected])
                energies[selected] += network[-1](h)[:, 0].double() / len(members)
                if number == self.member:
                    block = h.new_zeros(len(aev), h.shape[1])
                    block[selected] = h
                    blocks.append(block)
        return torch.cat(blocks, 1), energies


def symmetry_functions(
    species: torch.Tensor, positions: torch.Tensor, counts: Sequence[int], n_species: int
) -> torch.Tensor:
    """Compute the atomic environment vectors [atoms, 16 s + 32 s (s + 1) / 2] for s species.

    With f the cosine cutoff, around an atom i, for each species of j and for each pair of species of j and k:

        radial[m]     = sum_j 1/4 exp(-eta (r_ij - R_m)^2) f(r_ij)
        angular[m, l] = sum_jk 2 ((1 + cos(t_jik - T_l)) / 2)^zeta exp(-eta ((r_ij + r_ik) / 2 - R_m)^2) f(r_ij) f(r_ik)

    Args:
        species: [atoms] int64, 0 to s - 1.
        positions: [atoms, 3] in Angstrom, molecules concatenated.
        counts: number of atoms of each molecule.
        n_species: s.
    """
    import torch

    def gaussians(r: torch.Tensor, shifts: Sequence[float], eta: float) -> torch.Tensor:
        return torch.exp(-eta * (r[:, None] - positions.new_tensor(shifts)) ** 2)

    def envelope(r: torch.Tensor, cutoff: float) -> torch.Tensor:
        return 0.5 * torch.cos(r * (math.pi / cutoff)) + 0.5

    atoms, pairs = len(species), n_species * (n_species + 1) // 2
    i, j = _neighbours(positions, counts)
    vectors = positions[j] - positions[i]
    r = vectors.norm(dim=1)
    radial = 0.25 * gaussians(r, RADIAL_SHIFTS, RADIAL_ETA) * envelope(r, RADIAL_CUTOFF)[:, None]
    radial = positions.new_zeros(atoms * n_species, 16).index_add_(0, i * n_species + species[j], radial)

    close = r <= ANGULAR_CUTOFF
    i, j, vectors, r = i[close], j[close], vectors[close], r[close]
    left, right = _pairs_of_neighbours(i, atoms)
    # The factor 0.95 keeps the arc cosine away from its infinite slopes; the networks were trained with it.
    cosine = 0.95 * (vectors[left] * vectors[right]).sum(1) / (r[left] * r[right])
    shifted = torch.acos(cosine)[:, None] - positions.new_tensor(ANGLES)
    by_angle = 2 * ((1 + torch.cos(shifted)) / 2) ** ZETA
    by_length = gaussians((r[left] + r[right]) / 2, ANGULAR_SHIFTS, ANGULAR_ETA)
    by_length = by_length * (envelope(r[left], ANGULAR_CUTOFF) * envelope(r[right], ANGULAR_CUTOFF))[:, None]
    angular = (by_length[:, :, None] * by_angle[:, None, :]).flatten(1)
    low, high = torch.stack([species[j[left]], species[j[right]]]).sort(0).values
    kind = low * n_species - low * (low - 1) // 2 + high - low
    angular = positions.new_zeros(atoms * pairs, 32).index_add_(0, i[left] * pairs + kind, angular)
    return torch.cat([radial.reshape(atoms, -1), angular.reshape(atoms, -1)], 1)


def _neighbours(positions: torch.Tensor, counts: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return i and j of all ordered pairs within the radial cutoff in a molecule, sorted by i."""
    import torch

    pairs, start = [], 0
    for part in positions.split(list(counts)):
        r = torch.cdist(part, part, compute_mode="donot_use_mm_for_euclid_dist")
        r.fill_diagonal_(math.inf)
        pairs.append((r <= RADIAL_CUTOFF).nonzero() + start)
        start += len(part)
    i, j = torch.cat(pairs).T
    return i, j


def _pairs_of_neighbours(i: torch.Tensor, atoms: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the two neighbour pairs of each angle, as indices into the sorted centres i."""
    import torch

    counts = torch.bincount(i, minlength=atoms)
    width = int(counts.max())
    place = torch.arange(len(i), device=i.device)
    table = torch.full((atoms, width), -1, device=i.device)
    table[i, place - (counts.cumsum(0) - counts)[i]] = place
    first, second = torch.triu_indices(width, width, 1, device=i.device)
    left, right = table[:, first].flatten(), table[:, second].flatten()
    return left[right >= 0], right[right >= 0]


def _network(layers: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> torch.nn.Sequential:
    from torch import nn

    modules: list[nn.Module] = []
    for weight, bias in layers:
        linear = nn.Linear(weight.shape[1], weight.shape[0])
        linear.load_state_dict({"weight": weight, "bias": bias})
        modules += [linear, nn.CELU(0.1)]
    return nn.Sequential(*modules[:-1])


def _neurochem(files: Mapping[str, Path], elements: Sequence[str]) -> list[dict[str, list[Any]]]:
    """Read files such as ``MEMBER/networks/ANN-H.nnf-l1.wparam``, which contain raw float32 numbers."""
    import torch

    paths = {(PurePosixPath(name).parts[-3], PurePosixPath(name).name): path for name, path in files.items()}

    def layer(member: str, stem: str) -> tuple[torch.Tensor, torch.Tensor]:
        weight, bias = (np.fromfile(paths[member, f"{stem}.{kind}param"], "<f4") for kind in "wb")
        return torch.from_numpy(weight.reshape(len(bias), -1)), torch.from_numpy(bias)

    members = sorted({member for member, _ in paths})
    return [{e: [layer(member, f"ANN-{e}.nnf-l{k}") for k in range(1, 5)] for e in elements} for member in members]


def _state_dict(files: Mapping[str, Path], elements: Sequence[str]) -> list[dict[str, list[Any]]]:
    """Read keys such as ``ELEMENT.LAYER.weight``, with numbers for both; activations count as layers."""
    import torch

    state = torch.load(files["weights"], map_location="cpu", weights_only=True)

    def layers(index: int) -> list[Any]:
        return [(state[f"{index}.{2 * k}.weight"], state[f"{index}.{2 * k}.bias"]) for k in range(4)]

    return [{element: layers(index) for index, element in enumerate(elements)}]
