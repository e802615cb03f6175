"""EquiformerV2 and eSEN, potentials of the first fairchem, whose checkpoints the second does not read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._adapter import Adapter, Output
from .._torch_hooks import output_of
from ._refusals import charged, lone_atom, unknown_element
from ._standins import standing_in

if TYPE_CHECKING:
    from .._samples import Sample
    from ..cards import ModelCard

FEATURES = "node_embedding"
MODULES = ("equiformer_v2.equiformer_v2", "equiformer_v2.equiformer_v2_dens", "esen.esen", "esen.esen_dens")
HEADS = ("equiformer_v2.heads.scalar", "equiformer_v2.heads.vector", "equiformer_v2.heads.rank2")


class FairChemV1(Adapter):
    """Per-atom vectors [atoms, d] after the last block, and total energies in eV.

    The layer ``node_embedding``, the default, has the invariant channels, ``coefficients`` the coefficients of all
    degrees side by side, of which those of degree one and more turn with the sample. Structures run one after the
    other: a batch may not mix periodic ones with others, and the network turns every edge by chance, which is drawn
    alike for each.

    Options:
        known: largest atomic number trained for.
        gaps: atomic numbers below that were not.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import importlib

        import torch

        # The library pickles configurations with the tensors; the hash of the file is known here.
        checkpoint = torch.load(files["weights"], map_location="cpu", weights_only=False)
        with _libraries():
            for name in (*MODULES, *HEADS):
                importlib.import_module(f"fairchem.core.models.{name}")
            from fairchem.core.common.registry import registry
            from fairchem.core.common.utils import match_state_dict
            from fairchem.core.preprocessing import AtomsToGraphs

            config = {**checkpoint["config"]["model"], "otf_graph": True}
            if "backbone" in config:
                config["backbone"] = {**config["backbone"], "otf_graph": True}
            with torch.random.fork_rng(devices=[]):
                network = registry.get_model_class(config.pop("name"))(**config)
        network.load_state_dict(match_state_dict(network.state_dict(), checkpoint["state_dict"]))
        self.model: Any = network.to(device).eval().requires_grad_(False)
        scale = checkpoint["normalizers"].get("energy", {})
        self.elements = set(range(1, card.options["known"] + 1)) - set(card.options["gaps"])
        self.mean, self.rmsd = float(scale.get("mean", 0.0)), float(scale.get("rmsd", 1.0))
        references = checkpoint.get("elementrefs", {}).get("energy", {}).get("element_references")
        self.references = None if references is None else references.double()
        self.graph = AtomsToGraphs(r_energy=False, r_forces=False, r_distances=False, r_edges=False, r_pbc=True)

    def unsupported(self, sample: Sample) -> str | None:
        """Refuse elements that the model was not trained for, atoms without neighbours, and ions."""
        atoms = sample.view(self.card.view)
        return unknown_element(atoms, self.elements) or lone_atom(atoms) or charged(atoms)

    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        """Return the vectors of all atoms, and energies."""
        import torch

        def pick(out: Mapping[str, Any]) -> Any:
            features = getattr(out[FEATURES], "embedding", out[FEATURES]).detach()
            return (features[:, 0] if layer == FEATURES else features.flatten(1)).clone()

        structures = [sample.view(self.card.view) for sample in samples]
        with output_of(self.model, "backbone", pick) as taken:
            energies = [self._energy(atoms) for atoms in structures]
        return Output(torch.cat(taken), [len(atoms) for atoms in structures], energies)

    def _energy(self, atoms: Any) -> float:
        import torch
        from ase import Atoms
        from fairchem.core.datasets import data_list_collater

        # Near the origin, because the library turns to float32.
        bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        if not atoms.pbc.any():
            bare.cell = None
            bare.positions -= bare.positions.mean(0)
        batch = data_list_collater([self.graph.convert(bare)], otf_graph=True).to(self.device)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            # Gradients are on, because some heads give forces as derivatives with the energy.
            found = _energy_of(self.model(batch))
        energy = float(found.detach()) * self.rmsd + self.mean
        return energy if self.references is None else energy + float(self.references[bare.numbers].sum())


def _energy_of(out: Mapping[str, Any]) -> Any:
    """Return the energy of what the heads gave, each on its own or in a table of its own."""
    tables = [out, *(one for one in out.values() if isinstance(one, Mapping))]
    return next(table["energy"] for table in tables if "energy" in table and not isinstance(table["energy"], Mapping))


@contextmanager
def _libraries() -> Iterator[None]:
    """Let the library import torch_scatter, which has no wheel for this torch."""
    from torch_geometric.utils import scatter

    with standing_in({"torch_scatter": {"scatter": scatter, "segment_coo": None, "segment_csr": None}}):
        yield
