"""UMA and eSEN of fairchem, equivariant potentials for molecules, crystals and surfaces at once."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._adapter import Adapter, Output
from .._torch_hooks import output_of
from ._refusals import charged, lone_atom, unknown_element

if TYPE_CHECKING:
    from .._samples import Sample
    from ..cards import ModelCard

FEATURES = "node_embedding"
ELEMENTS = 100  # rows of the network's table of elements


class FairChem(Adapter):
    """Per-atom vectors [atoms, d] after the last block, and total energies in eV.

    The layer ``node_embedding``, the default, has the invariant channels, which are all that the energy is made of;
    ``coefficients`` has the coefficients of all degrees side by side, and those of degree one and more turn with the
    sample.

    Options:
        task: the data set whose level of theory is meant, of those that the network was trained on.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        from fairchem.core.units.mlip_unit.api.inference import InferenceSettings
        from fairchem.core.units.mlip_unit.predict import MLIPPredictUnit

        # Experts are not merged, which would tie the network to one composition, and nothing is rounded.
        settings = InferenceSettings(activation_checkpointing=False, auto_add_default_untrained_tasks=False)
        with _seeds_kept():
            # The library unpickles the file and builds what its configuration names; its hash is known here.
            self.unit = MLIPPredictUnit(
                str(files["weights"]), device="cpu" if device == "cpu" else "cuda", inference_settings=settings
            )
        self.model: Any = self.unit.model
        self.task = card.options["task"]

    def unsupported(self, sample: Sample) -> str | None:
        """Refuse unknown elements, atoms without neighbours, and charges where the task knows none."""
        atoms = sample.view(self.card.view)
        # Of a lone atom the library looks up the energy without running the model.
        ion = None if self.task == "omol" else charged(atoms)
        return unknown_element(atoms, range(1, ELEMENTS)) or lone_atom(atoms) or ion

    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        """Return the vectors of all atoms, and energies."""
        from fairchem.core.datasets.atomic_data import atomicdata_list_to_batch

        structures = [sample.view(self.card.view) for sample in samples]
        batch = atomicdata_list_to_batch([self._graph(atoms) for atoms in structures])

        def pick(out: Mapping[str, Any]) -> Any:
            features = out[FEATURES].detach()
            return (features[:, 0] if layer == FEATURES else features.flatten(1)).clone()

        with output_of(self.model.module, "backbone", pick) as taken:
            found = self.unit.predict(batch)
        return Output(taken[0], [len(atoms) for atoms in structures], found["energy"].detach().flatten().tolist())

    def _graph(self, atoms: Any) -> Any:
        from ase import Atoms
        from fairchem.core.datasets.atomic_data import AtomicData

        # Bare atoms, because the library reads keys of ``info``; near the origin, because it turns to float32.
        centre = 0 if atoms.pbc.any() else atoms.positions.mean(0)
        bare = Atoms(atoms.numbers, atoms.positions - centre, cell=atoms.cell, pbc=atoms.pbc)
        charge = int(atoms.info.get("charge", 0))
        odd = (int(atoms.numbers.sum()) - charge) % 2
        spin = int(atoms.info.get("spin", 1 + odd)) if self.task == "omol" else 0
        bare.info |= {"charge": charge, "spin": spin}
        return AtomicData.from_ase(bare, task_name=self.task, r_data_keys=["spin", "charge"])


@contextmanager
def _seeds_kept() -> Iterator[None]:
    """Undo that the library seeds every generator of the process."""
    import torch

    numbers, arrays = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(numbers)
        np.random.set_state(arrays)
