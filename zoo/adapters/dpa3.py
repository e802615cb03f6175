"""DPA-3, published as TorchScript, which runs with torch only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._adapter import Adapter, Output
from ._atoms import partly_periodic, unknown_element
from ._repflows import run_repflows

if TYPE_CHECKING:
    from .._samples import Sample
    from ..cards import ModelCard


class DPA3(Adapter):
    """Per-atom descriptors [atoms, d] of molecules and crystals, the input of the energy network, and energies in eV.

    The frozen model pads each atom to 120 neighbours and 900 angles, and always differentiates its energy. Here its
    layers are run on the actual neighbours and without gradients. Structures are run one at a time, because batches are
    slower.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch

        self.model = torch.jit.load(str(files["weights"]), map_location=device).eval()
        self.types = {symbol: i for i, symbol in enumerate(self.model.get_type_map())}
        self.cutoff = float(self.model.get_rcut())

    def unsupported(self, sample: Sample) -> str | None:
        """Reject elements that the model does not know, slabs and wires."""
        atoms = sample.view(self.card.view)
        return unknown_element(atoms, self.types) or partly_periodic(atoms)

    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        """Return the descriptors of all atoms, and the energies."""
        import torch

        structures = [sample.view(self.card.view) for sample in samples]
        features, energies = [], []
        # With optimisation, the first calls compile for half a minute, and later calls are no faster.
        with torch.no_grad(), torch.jit.optimized_execution(False):
            for atoms in structures:
                descriptor, energy = self._run(atoms)
                features.append(descriptor)
                energies.append(energy)
        return Output(torch.cat(features), [len(atoms) for atoms in structures], energies)

    def _run(self, atoms: Any) -> tuple[Any, float]:
        import torch

        positions, images, neighbours = _frame(atoms, self.cutoff)
        types = np.array([self.types[symbol] for symbol in atoms.get_chemical_symbols()])
        frame = (torch.tensor(a, device=self.device)[None] for a in (positions, types[images], neighbours, images))
        coord, atype, nearest, home = frame
        nearest = self.model.format_nlist(coord, atype, nearest, True)[0]  # sorted, and cut to the model's maximum
        coord = self.model.input_type_cast(coord)[0][0]
        model: Any = self.model.atomic_model
        atype = atype[:, : len(atoms)]
        descriptor = run_repflows(model.descriptor, coord, atype[0], nearest, home[0])
        energy = model.apply_out_stat(model.fitting_net(descriptor[None].double(), atype), atype)["energy"]
        return descriptor.float(), energy.double().sum().item()


def _frame(atoms: Any, cutoff: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Build the positions of all atoms and of the periodic images that are neighbours of an atom.

    Returns:
        Positions [all, 3] in Angstrom, atoms first; for each position, the index [all] of the atom that it is or is an
        image of; and the neighbours [atoms, most] of the atoms, padded with -1.
    """
    from ase.neighborlist import neighbor_list

    n = len(atoms)
    i, j, shift = neighbor_list("ijS", atoms, cutoff)
    images, which = np.unique(np.column_stack([j, shift]), axis=0, return_inverse=True)
    outside = images[:, 1:].any(1)
    row = np.where(outside, n - 1 + np.cumsum(outside), images[:, 0])
    home, shifts = np.split(images[outside], [1], axis=1)
    positions = np.concatenate([atoms.positions, atoms.positions[home[:, 0]] + shifts @ atoms.cell.array])
    counts = np.bincount(i, minlength=n)
    neighbours = np.full((n, max(1, counts.max())), -1)
    neighbours[i, np.arange(len(i)) - (np.cumsum(counts) - counts)[i]] = row[which.ravel()]
    return positions, np.concatenate([np.arange(n), home[:, 0]]), neighbours
