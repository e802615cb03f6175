"""UMA and eSEN of fairchem, equivariant potentials for molecules, crystals and surfaces."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..adapter import OnePassAdapter, Output
from ..base import output_of
from .atoms import bare_atoms, charge_of, charged, lone_atom, multiplicity_of, unknown_element

if TYPE_CHECKING:
    from ..base import Sample
    from ..cards import ModelCard

FEATURES = "node_embedding"
ELEMENTS = 100  # rows of the network's element embedding


class FairChem(OnePassAdapter):
    """Per-atom vectors [atoms, d] after the last block, and total energies in eV.

    Layer ``node_embedding``, the default, contains the invariant channels, from which the energy is computed;
    ``coefficients`` contains the coefficients of all degrees side by side, and those of degree one and higher rotate
    with the sample.

    Options:
        task: the training data set that selects the level of theory.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        from fairchem.core.units.mlip_unit.api.inference import InferenceSettings
        from fairchem.core.units.mlip_unit.predict import MLIPPredictUnit

        # Experts are not merged, because that would fix the network to one composition; precision is not reduced.
        settings = InferenceSettings(activation_checkpointing=False, auto_add_default_untrained_tasks=False)
        with _seeds_kept():
            # The library unpickles the file and builds the objects in its configuration; the card has its hash.
            self.unit = MLIPPredictUnit(
                str(files["weights"]), device="cpu" if device == "cpu" else "cuda", inference_settings=settings
            )
        self.model: Any = self.unit.model
        self.task = card.options["task"]

    def unsupported(self, sample: Sample) -> str | None:
        """Reject unknown elements, isolated atoms, and charges and high spin in tasks without input for them."""
        atoms = sample.view(self.card.view)
        # For a lone atom the library looks up the energy without running the model.
        ion = None if self.task == "omol" else charged(atoms)
        return unknown_element(atoms, range(1, ELEMENTS)) or lone_atom(atoms) or ion

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the vectors of all atoms after each layer, and the energies."""
        from fairchem.core.datasets.atomic_data import atomicdata_list_to_batch

        structures = [sample.view(self.card.view) for sample in samples]
        batch = atomicdata_list_to_batch([self._graph(atoms) for atoms in structures])

        def pick(out: Mapping[str, Any]) -> list[Any]:
            features = out[FEATURES].detach()
            return [(features[:, 0] if layer == FEATURES else features.flatten(1)).clone() for layer in layers]

        with output_of(self.model.module, "backbone", pick) as taken:
            out = self.unit.predict(batch)
        counts = [len(atoms) for atoms in structures]
        energies = out["energy"].detach().flatten().tolist()
        return [Output(features, counts, energies) for features in taken[0]]

    def _graph(self, atoms: Any) -> Any:
        from fairchem.core.datasets.atomic_data import AtomicData

        bare = bare_atoms(atoms)
        bare.info |= {"charge": charge_of(atoms), "spin": multiplicity_of(atoms) if self.task == "omol" else 0}
        return AtomicData.from_ase(bare, task_name=self.task, r_data_keys=["spin", "charge"])


@contextmanager
def _seeds_kept() -> Iterator[None]:
    """Restore the state of all random generators, which the library seeds."""
    import torch

    python_state, numpy_state = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
