"""Uni-Mol, a transformer on the interatomic distances of a molecule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..adapter import Adapter, Output
from ..base import InputError, output_of
from .atoms import neutral_molecule_only

if TYPE_CHECKING:
    from ..base import Sample
    from ..cards import ModelCard


class UniMol(Adapter):
    """Per-atom vectors [atoms, 512] of molecules, including hydrogens, without the start and end tokens.

    The only layer, ``atomic_reprs`` in the library, is the normalised output of the last block.

    Options:
        atoms: maximum number of atoms.

    Files: ``weights``, and ``dictionary``, the vocabulary of elements.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch
        from unimol_tools.models.unimol import UniMolModel

        state = torch.load(files["weights"], map_location="cpu", weights_only=True)
        paths = {"pretrained_model_path": str(files["weights"]), "pretrained_dict_path": str(files["dictionary"])}
        network = UniMolModel(output_dim=1, data_type="molecule", remove_hs=False, **paths)
        # The library ignores missing weights; only the head may be newly initialised.
        needed = {key for key in network.state_dict() if not key.startswith("classification_head.")}
        missing = sorted(needed - set(state.get("model", state)))
        if missing:
            raise InputError(f"{files['weights']} has no weights for {missing[:3]}; they would be random")
        self.model: Any = network.to(device).eval().requires_grad_(False)
        self.elements = [symbol for symbol in network.dictionary.symbols if not symbol.startswith("[")]

    def unsupported(self, sample: Sample) -> str | None:
        """Reject untrained elements, periodic structures, ions, high spin, and molecules that are too large."""
        atoms = sample.view(self.card.view)
        if len(atoms) > self.card.options["atoms"]:
            return f"{len(atoms)} atoms; the model takes at most {self.card.options['atoms']}"
        return neutral_molecule_only(atoms, self.elements)

    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        """Return the vectors of all atoms."""
        import torch
        from unimol_tools.data.conformer import coords2unimol

        structures = [sample.view(self.card.view) for sample in samples]
        graphs = [
            coords2unimol(
                atoms.get_chemical_symbols(), atoms.positions, self.model.dictionary, len(atoms), remove_hs=False
            )
            for atoms in structures
        ]
        batch, _ = self.model.batch_collate_fn([(graph, 0) for graph in graphs])
        batch = {name: tensor.to(self.device) for name, tensor in batch.items()}
        counts = [len(atoms) for atoms in structures]
        # Select rows by position: the library selects them by fixed token ids, which the dictionary file may change.
        with torch.no_grad(), output_of(self.model, "encoder", itemgetter(0)) as taken:
            self.model(**batch, return_repr=True)
        return Output(torch.cat([rows[1 : count + 1] for rows, count in zip(taken[0], counts, strict=True)]), counts)
