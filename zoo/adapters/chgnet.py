"""CHGNet, an invariant potential for periodic structures."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..adapter import OnePassAdapter, Output
from ..base import outputs_of
from .atoms import neutral_only
from .groups import forward_in_groups

if TYPE_CHECKING:
    from ..base import Sample
    from ..cards import ModelCard


class CHGNet(OnePassAdapter):
    """Per-atom vectors [atoms, 64] of crystals and of boxed molecules, and total energies in eV.

    A layer is the name of a module of the library's model. The default, ``readout_norm``, is the input of the
    energy network; its sum over the atoms is called ``crystal_fea`` by the library.

    Options:
        vacuum: in Angstrom, added on both sides along non-periodic directions; twice this must exceed the model's
            cutoff of 6.
        mlp_out_bias: whether the last layer of each update has a bias, as in the first version only.
        seed: seed of random weights, used if there are no files.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch
        from chgnet.model import CHGNet as Library

        # The library prints its number of parameters.
        with contextlib.redirect_stdout(io.StringIO()):
            if files:
                state = torch.load(files["weights"], map_location="cpu", weights_only=True)
                model = Library.from_dict(state["model"], mlp_out_bias=card.options.get("mlp_out_bias", False))
            else:
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed(card.options["seed"])
                    model = Library()
        self.model: Any = model.eval().to(device)
        self.cutoff = float(self.model.graph_converter.atom_graph_cutoff)

    def unsupported(self, sample: Sample) -> str | None:
        """Reject elements beyond Pu, ions, high spin, and atoms without a neighbour, on which the library fails."""
        atoms = sample.view(self.card.view)
        reason = neutral_only(atoms, range(1, 95))
        if reason:
            return reason
        # In a small cell each atom has its own image as a neighbour, so only large cells need the search.
        if atoms.pbc.all() and atoms.cell.lengths().min() < self.cutoff:
            return None
        centres = self._structure(atoms).get_neighbor_list(self.cutoff)[0]
        isolated = len(atoms) - len(np.unique(centres))
        return f"{isolated} atoms have no neighbour within {self.cutoff:g} Angstrom" if isolated else None

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the outputs of some modules for all atoms, and energies if the weights are trained."""
        structures = [self._structure(sample.view(self.card.view)) for sample in samples]
        graphs = [self.model.graph_converter(structure).to(self.device) for structure in structures]
        # The library skips the update of bonds in a batch without angles. In a batch with some, it updates the bonds of
        # all structures, and the bias of the first version changes those of structures without angles.
        return forward_in_groups(
            graphs, lambda graph: len(graph.bond_graph) > 0, lambda group: self._run(group, layers)
        )

    def _run(self, graphs: Sequence[Any], layers: Sequence[str]) -> list[Output]:
        import torch

        counts = [len(graph.atomic_number) for graph in graphs]
        with torch.no_grad(), outputs_of(self.model, layers) as taken:
            per_atom = self.model(graphs, task="e")["e"].tolist()
        energies = [energy * n for energy, n in zip(per_atom, counts, strict=True)] if self.card.energy else None
        return [Output(taken[layer][0], counts, energies) for layer in layers]

    def _structure(self, atoms: Any) -> Any:
        """Return a pymatgen structure with sites in atom order, in a box along non-periodic directions."""
        from pymatgen.core import Structure

        if not atoms.pbc.all():
            atoms = atoms.copy()
            if not atoms.pbc.any():
                atoms.cell[:] = 0
            atoms.center(vacuum=self.card.options["vacuum"], axis=np.flatnonzero(~atoms.pbc))
        # In the unit cell, because the library stores fractional coordinates in float32.
        return Structure(atoms.cell.array, atoms.numbers, atoms.positions, coords_are_cartesian=True, to_unit_cell=True)
