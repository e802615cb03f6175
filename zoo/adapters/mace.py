"""MACE, equivariant potentials of high body order: MACE-MP, MACE-MPA, MACE-OMAT, MACE-OFF."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._adapter import Adapter, Output
from ._refusals import charged, unknown_element

if TYPE_CHECKING:
    import torch

    from .._samples import Sample
    from ..cards import ModelCard

SETTING = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"


class MACE(Adapter):
    """Per-atom vectors [atoms, d] of molecules and crystals, and total energies in eV.

    Every block has a readout of its own, which sees no more than the invariant channels. The layer ``invariants``, the
    default, is all that the readouts see, block beside block; ``invariants.N`` is that of block N, counted from 1;
    ``node_feats`` has all channels, and those of degree one and more turn with the sample.

    Options:
        head: the level of theory, where one network serves several.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch

        with _setting_kept():
            import mace.modules  # noqa: F401, whose classes the file names

        # The library publishes the whole pickled module: weights_only cannot read it, and its hash stands in the card.
        model: Any = torch.load(files["weights"], map_location=device, weights_only=False)
        self.model = model.float().eval()
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        self.head = card.options.get("head", "Default")
        self.elements = [int(number) for number in model.atomic_numbers]

    def unsupported(self, sample: Sample) -> str | None:
        """Refuse elements that the model does not know, and ions."""
        atoms = sample.view(self.card.view)
        return unknown_element(atoms, self.elements) or charged(atoms)

    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        """Return the vectors of all atoms, and energies."""
        import torch
        from mace.tools.torch_geometric.batch import Batch

        structures = [sample.view(self.card.view) for sample in samples]
        batch = Batch.from_data_list([self._graph(atoms) for atoms in structures]).to(self.device)
        with torch.no_grad():
            out = self.model(batch.to_dict(), compute_force=False)
        features = self._layer(out["node_feats"], layer).clone()
        return Output(features, [len(atoms) for atoms in structures], out["energy"].tolist())

    def _layer(self, features: torch.Tensor, layer: str) -> torch.Tensor:
        """Return the columns of a layer from [atoms, all channels of all blocks]."""
        import torch

        if layer == "node_feats":
            return features
        irreps = [product.linear.irreps_out for product in self.model.products]
        blocks = features.split([one.dim for one in irreps], 1)
        # The scalars come first in a block.
        scalars = [block[:, : one.count("0e")] for block, one in zip(blocks, irreps, strict=True)]
        _, _, number = layer.partition(".")
        return scalars[int(number) - 1] if number else torch.cat(scalars, 1)

    def _graph(self, atoms: Any) -> Any:
        from ase import Atoms
        from mace.data import AtomicData, config_from_atoms
        from mace.tools.utils import AtomicNumberTable

        # Bare atoms, because the library reads keys of ``info``; near the origin, because it turns to float32.
        bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        if atoms.pbc.any():
            bare.wrap()
        else:
            bare.positions -= bare.positions.mean(0)
        return AtomicData.from_config(
            config_from_atoms(bare, head_name=self.head),
            z_table=AtomicNumberTable(self.elements),
            cutoff=float(self.model.r_max),
            heads=getattr(self.model, "heads", ["Default"]),
        )


@contextmanager
def _setting_kept() -> Iterator[None]:
    """Undo what the import of the library does to every later torch.load of the process."""
    before = os.environ.get(SETTING)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(SETTING, None)
        else:
            os.environ[SETTING] = before
