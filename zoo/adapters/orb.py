"""Orb, graph networks that learn rotational symmetry instead of building it in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..adapter import OnePassAdapter, Output
from ..base import outputs_of
from ._stubs import stub_modules
from .atoms import bare_atoms, charge_of, charged, multiplicity_of, partly_periodic, unknown_element

if TYPE_CHECKING:
    from ..base import Sample
    from ..cards import ModelCard


class Orb(OnePassAdapter):
    """Per-atom vectors [atoms, 256] of molecules and crystals, and total energies in eV.

    Layer ``gnn_stacks.N`` is the atom output of that block of the library's network; the last is the input of all
    heads. Vectors are only approximately invariant to rotation, which the architecture does not enforce.

    Options:
        architecture: name of the library function that builds the network.
        architecture_options: arguments of that function.
        neighbours: maximum number of neighbours of an atom within 6 Angstrom.
        known: largest atomic number in the training set.
        gaps: smaller atomic numbers that are not in the training set.
        charged: whether the network reads charge and spin.
        seed: seed of random weights, used if there are no files.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch

        with cached_path():
            from orb_models.forcefield import pretrained
            from orb_models.forcefield.atomic_system import SystemConfig

        options = card.options
        self.elements = set(range(1, options["known"] + 1)) - set(options.get("gaps", ()))
        self.config = SystemConfig(radius=6.0, max_num_neighbors=options["neighbours"])
        build = getattr(pretrained, options["architecture"])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(options.get("seed", 0))
            self.model: Any = build(device="cpu", system_config=self.config, **options.get("architecture_options", {}))
        if files:
            self.model.load_state_dict(torch.load(files["weights"], map_location="cpu", weights_only=True), strict=True)
        self.model.to(device).eval()
        for parameter in self.model.parameters():
            parameter.requires_grad_(False)
        if self.model.pair_repulsion:
            self.model.pair_repulsion_fn.compute_gradients = False

    def unsupported(self, sample: Sample) -> str | None:
        """Reject untrained elements, slabs and wires, and ions and high spin if the model does not read them."""
        atoms = sample.view(self.card.view)
        ion = None if self.card.options.get("charged") else charged(atoms)
        return unknown_element(atoms, self.elements) or partly_periodic(atoms) or ion

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the vectors of all atoms after each layer, and energies if the weights are trained."""
        import torch
        from orb_models.forcefield.base import batch_graphs

        structures = [sample.view(self.card.view) for sample in samples]
        batch = batch_graphs([self._graph(atoms) for atoms in structures]).to(self.device)
        with torch.no_grad(), outputs_of(self.model.model, layers, lambda out: itemgetter(0)(out).clone()) as taken:
            nodes = self.model.model(batch)["node_features"]
            energies = self.model.heads["energy"].predict(nodes, batch)
            if self.model.pair_repulsion:
                energies = energies + self.model.pair_repulsion_fn(batch)["energy"]
        counts = [len(atoms) for atoms in structures]
        totals = energies.tolist() if self.card.energy else None
        return [Output(taken[layer][0], counts, totals) for layer in layers]

    def _graph(self, atoms: Any) -> Any:
        from orb_models.forcefield.atomic_system import ase_atoms_to_atom_graphs

        bare = bare_atoms(atoms)
        if self.card.options.get("charged"):
            bare.info |= {"charge": charge_of(atoms), "spin": multiplicity_of(atoms)}
        return ase_atoms_to_atom_graphs(bare, self.config, device=self.device)


def cached_path() -> AbstractContextManager[None]:
    """Provide a stub of cached_path, which pins old packages; the library only needs it for downloads."""
    return stub_modules({"cached_path": {"cached_path": None}})
