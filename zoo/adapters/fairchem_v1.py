"""EquiformerV2 and eSEN, potentials of fairchem 1, whose checkpoints fairchem 2 cannot read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..adapter import OnePassAdapter, Output
from ..base import output_of
from ._stubs import stub_modules
from .atoms import bare_atoms, charged, lone_atom, unknown_element

if TYPE_CHECKING:
    from ..base import Sample
    from ..cards import ModelCard

FEATURES = "node_embedding"
MODULES = ("equiformer_v2.equiformer_v2", "equiformer_v2.equiformer_v2_dens", "esen.esen", "esen.esen_dens")
HEADS = ("equiformer_v2.heads.scalar", "equiformer_v2.heads.vector", "equiformer_v2.heads.rank2")


class FairChemV1(OnePassAdapter):
    """Per-atom vectors [atoms, d] after the last block, and total energies in eV.

    Layer ``node_embedding``, the default, contains the invariant channels; ``coefficients`` contains the coefficients
    of all degrees side by side, and those of degree one and higher rotate with the sample. Structures are run one at a
    time: a batch cannot mix periodic and isolated structures, and the network rotates each edge randomly, with the same
    random seed for each structure.

    Options:
        known: largest atomic number in the training set.
        gaps: smaller atomic numbers that are not in the training set.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import importlib

        import torch

        # The library pickles configurations with the tensors; the card has the hash of the file.
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
        """Reject elements that the model was not trained for, isolated atoms, ions and high spin."""
        atoms = sample.view(self.card.view)
        return unknown_element(atoms, self.elements) or lone_atom(atoms) or charged(atoms)

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the vectors of all atoms after each layer, and the energies."""
        import torch

        def pick(out: Mapping[str, Any]) -> list[Any]:
            features = getattr(out[FEATURES], "embedding", out[FEATURES]).detach()
            return [(features[:, 0] if layer == FEATURES else features.flatten(1)).clone() for layer in layers]

        structures = [sample.view(self.card.view) for sample in samples]
        with output_of(self.model, "backbone", pick) as taken:
            energies = [self._energy(atoms) for atoms in structures]
        counts = [len(atoms) for atoms in structures]
        return [Output(torch.cat(features), counts, energies) for features in zip(*taken, strict=True)]

    def _energy(self, atoms: Any) -> float:
        import torch
        from fairchem.core.datasets import data_list_collater

        bare = bare_atoms(atoms)
        if not atoms.pbc.any():
            bare.cell = None
        batch = data_list_collater([self.graph.convert(bare)], otf_graph=True).to(self.device)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            # Gradients are enabled, because some heads compute forces as derivatives of the energy.
            output = _energy_of(self.model(batch))
        energy = float(output.detach()) * self.rmsd + self.mean
        return energy if self.references is None else energy + float(self.references[bare.numbers].sum())


def _energy_of(out: Mapping[str, Any]) -> Any:
    """Return the energy from the output of the heads, which is flat or nested by head."""
    tables = [out, *(value for value in out.values() if isinstance(value, Mapping))]
    return next(table["energy"] for table in tables if "energy" in table and not isinstance(table["energy"], Mapping))


@contextmanager
def _libraries() -> Iterator[None]:
    """Provide a stub of torch_scatter, which has no wheel for this torch."""
    from torch_geometric.utils import scatter

    with stub_modules({"torch_scatter": {"scatter": scatter, "segment_coo": None, "segment_csr": None}}):
        yield
