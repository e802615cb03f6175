"""M3GNet, an invariant potential and the first for the whole periodic table, in its TensorFlow library."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..adapter import OnePassAdapter, Output
from .atoms import bare_atoms, neutral_only

if TYPE_CHECKING:
    from ..base import Sample
    from ..cards import ModelCard


class M3GNet(OnePassAdapter):
    """Per-atom vectors [atoms, 64] of molecules and crystals, and total energies in eV. Runs on the CPU.

    Layers: ``graph_layers.K``, the atom features after block K; the last is the input of the readout.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        with _legacy_imports():
            from m3gnet.models import M3GNet as Library

        self.model = Library.from_dir(str(files["model"].parent))
        # Elements that are absent from the training set have a fitted reference energy of zero.
        self.elements = {z for z, energy in enumerate(self.model.element_refs) if abs(energy) > 1e-9}

    def unsupported(self, sample: Sample) -> str | None:
        """Reject elements that are not in the training set, ions and high spin."""
        return neutral_only(sample.view(self.card.view), self.elements)

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the atom features after some blocks, and the energies."""
        from m3gnet.graph import Index, assemble_material_graph, tf_compute_distance_angle
        from m3gnet.layers import polynomial

        structures = [sample.view(self.card.view) for sample in samples]
        graph = assemble_material_graph([self._graph(atoms) for atoms in structures])
        # Run block by block, because the library returns only the final result.
        graph = tf_compute_distance_angle(graph.as_tf().as_list())
        basis = self.model.basis_expansion(graph)
        cutoff = polynomial(graph[Index.BONDS], self.model.threebody_cutoff)
        state, taken = self.model.feature_adjust(self.model.featurizer(graph)), {}
        for k, (angles, block) in enumerate(zip(self.model.three_interactions, self.model.graph_layers, strict=True)):
            state = block(angles(state, basis, cutoff))
            taken[f"graph_layers.{k}"] = state[Index.ATOMS]
        energies = self.model.final(state) * self.model.std + self.model.mean + self.model.element_ref_calc(graph)
        counts = [len(atoms) for atoms in structures]
        totals = np.ravel(energies).tolist()
        return [Output(np.array(taken[layer]), counts, totals) for layer in layers]

    def _graph(self, atoms: Any) -> Any:
        bare = bare_atoms(atoms, wrap=True)
        bare.cell = bare.cell.complete()
        return self.model.graph_converter(bare)


@contextmanager
def _legacy_imports() -> Iterator[None]:
    """Provide what the library expects at import: Keras 2, and a filter that ASE has moved since 2022."""
    import ase.constraints
    import ase.filters

    variable, name = "TF_USE_LEGACY_KERAS", "ExpCellFilter"
    before, exists = os.environ.get(variable), hasattr(ase.constraints, name)
    os.environ[variable] = "1"
    if not exists:
        setattr(ase.constraints, name, getattr(ase.filters, name))
    try:
        yield
    finally:
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before
        if not exists:
            delattr(ase.constraints, name)
