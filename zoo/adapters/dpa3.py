"""DPA-3, published as TorchScript: torch alone runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._adapter import Adapter, Output
from ._refusals import partly_periodic, unknown_element
from ._repflows import run_repflows

if TYPE_CHECKING:
    from .._samples import Sample
    from ..cards import ModelCard


class DPA3(Adapter):
    """Per-atom descriptors [atoms, d] of molecules and crystals, the input of the energy network, and energies in eV.

    The frozen model fills every atom up to 120 neighbours and 900 angles, and differentiates its energy whether asked
    or not. Its layers are run here on as many neighbours as there are, and without gradient. Structures run one after
    the other: several at once are slower.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch

        self.model = torch.jit.load(str(files["weights"]), map_location=device).eval()
        self.types = {symbol: i for i, symbol in enumerate(self.model.get_type_map())}
        self.cutoff = float(self.model.get_rcut())

    def unsupported(self, sample: Sample) -> str | None:
        """Refuse elements that the model does not know, and slabs and wires."""
        atoms = sample.view(self.card.view)
        return unknown_element(atoms, self.types) or partly_periodic(atoms)

    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        """Return the descriptors of all atoms, and energies."""
        import torch

        structures = [sample.view(self.card.view) for sample in samples]
        features, energies = [], []
        # Optimised, the first calls take half a minute to compile what is then no faster.
        with torch.no_grad(), torch.jit.optimized_execution(False):
            for atoms in structures:
                descriptor, energy = self._run(atoms)
                features.append(descriptor)
                energies.append(energy)
        return Output(torch.cat(features), [len(atoms) for atoms in structures], energies)

    def _run(self, atoms: Any) -> tuple[Any, float]:
        import torch

        places, images, neighbours = _frame(atoms, self.cutoff)
        types = np.array([self.types[symbol] for symbol in atoms.get_chemical_symbols()])
        frame = (torch.tensor(part, device=self.device)[None] for part in (places, types[images], neighbours, images))
        positions, of_type, nearest, home = frame
        nearest = self.model.format_nlist(positions, of_type, nearest, True)[0]  # as many as the model takes, in order
        positions = self.model.input_type_cast(positions)[0][0]
        kept: Any = self.model.atomic_model
        of_type = of_type[:, : len(atoms)]
        found = run_repflows(kept.descriptor, positions, of_type[0], nearest, home[0])
        energy = kept.apply_out_stat(kept.fitting_net(found[None].double(), of_type), of_type)["energy"]
        return found.float(), energy.double().sum().item()


def _frame(atoms: Any, cutoff: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the atoms and, after them, the periodic images that are neighbours of some.

    Returns:
        places [all, 3] in Angstrom, of each the atom that it is an image of, and the neighbours [atoms, most] of the
        atoms, -1 where there are no more.
    """
    from ase.neighborlist import neighbor_list

    n = len(atoms)
    i, j, shift = neighbor_list("ijS", atoms, cutoff)
    images, which = np.unique(np.column_stack([j, shift]), axis=0, return_inverse=True)
    outside = images[:, 1:].any(1)
    row = np.where(outside, n - 1 + np.cumsum(outside), images[:, 0])
    of, shifts = np.split(images[outside], [1], axis=1)
    places = np.concatenate([atoms.positions, atoms.positions[of[:, 0]] + shifts @ atoms.cell.array])
    many = np.bincount(i, minlength=n)
    neighbours = np.full((n, max(1, many.max())), -1)
    neighbours[i, np.arange(len(i)) - (np.cumsum(many) - many)[i]] = row[which.ravel()]
    return places, np.concatenate([np.arange(n), of[:, 0]]), neighbours
