"""MACE, equivariant potentials of high body order: MACE-MP, MACE-MPA, MACE-OMAT, MACE-OFF."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..adapter import OnePassAdapter, Output
from .atoms import bare_atoms, neutral_only

if TYPE_CHECKING:
    import torch

    from ..base import Sample
    from ..cards import ModelCard

SETTING = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"


class MACE(OnePassAdapter):
    """Per-atom vectors [atoms, d] of molecules and crystals, and total energies in eV.

    Each block has a separate readout, which reads only the invariant channels. Layer ``invariants``, the default,
    contains the inputs of all readouts, concatenated over blocks; ``invariants.N`` is the input of the readout of block
    N, counted from 1; ``node_feats`` contains all channels, and those of degree one and higher rotate with the sample.

    Options:
        head: the level of theory, for networks with several.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch

        with _preserved_setting():
            import mace.modules  # noqa: F401, whose classes the file names

        # The library publishes the pickled module, which weights_only cannot read; the card has its hash.
        model: Any = torch.load(files["weights"], map_location=device, weights_only=False)
        self.model = model.float().eval()
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        self.head = card.options.get("head", "Default")
        self.elements = [int(number) for number in model.atomic_numbers]

    def unsupported(self, sample: Sample) -> str | None:
        """Reject elements that the model does not know, ions and high spin."""
        return neutral_only(sample.view(self.card.view), self.elements)

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the vectors of all atoms of each layer, and the energies."""
        import torch
        from mace.tools.torch_geometric.batch import Batch

        structures = [sample.view(self.card.view) for sample in samples]
        batch = Batch.from_data_list([self._graph(atoms) for atoms in structures]).to(self.device)
        with torch.no_grad():
            out = self.model(batch.to_dict(), compute_force=False)
        counts = [len(atoms) for atoms in structures]
        features, energies = out["node_feats"], out["energy"].tolist()
        return [Output(self._layer(features, layer).clone(), counts, energies) for layer in layers]

    def _layer(self, features: torch.Tensor, layer: str) -> torch.Tensor:
        """Return the columns of a layer from [atoms, all channels of all blocks]."""
        import torch

        if layer == "node_feats":
            return features
        irreps = [product.linear.irreps_out for product in self.model.products]
        blocks = features.split([block_irreps.dim for block_irreps in irreps], 1)
        # The scalars are the first columns of a block.
        scalars = [block[:, : block_irreps.count("0e")] for block, block_irreps in zip(blocks, irreps, strict=True)]
        _, _, number = layer.partition(".")
        return scalars[int(number) - 1] if number else torch.cat(scalars, 1)

    def _graph(self, atoms: Any) -> Any:
        from mace.data import AtomicData, config_from_atoms
        from mace.tools.utils import AtomicNumberTable

        return AtomicData.from_config(
            config_from_atoms(bare_atoms(atoms, wrap=True), head_name=self.head),
            z_table=AtomicNumberTable(self.elements),
            cutoff=float(self.model.r_max),
            heads=getattr(self.model, "heads", ["Default"]),
        )


@contextmanager
def _preserved_setting() -> Iterator[None]:
    """Restore the environment variable that the library sets at import, which affects every later torch.load."""
    before = os.environ.get(SETTING)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(SETTING, None)
        else:
            os.environ[SETTING] = before
