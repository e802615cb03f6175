"""ChemNet, the network behind the Frechet ChemNet Distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..adapter import Adapter, Output

if TYPE_CHECKING:
    from ..base import Sample
    from ..cards import ModelCard


class ChemNet(Adapter):
    """One vector [512] per SMILES string: the last state of the second LSTM, which reads the string backwards.

    Options:
        length: length to which all strings are padded, including the end token. The LSTM reads the padding, so the
            length is fixed and longer strings are rejected.

    Attributes:
        unknown_tokens: number of tokens outside the vocabulary so far; the model reads them as ``X``.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch
        from fcd.utils import get_one_hot, load_imported_model

        self.model = load_imported_model(torch.load(files["weights"], weights_only=True)).eval().to(device)
        self.unknown = int(get_one_hot("X")[0].argmax())
        self.unknown_tokens = 0

    def unsupported(self, sample: Sample) -> str | None:
        """Reject empty strings, white space, and strings beyond the fixed length."""
        smiles, room = sample.view(self.card.view), self.card.options["length"] - 1
        if smiles.split() != [smiles]:
            return "empty, or with white space"
        return f"{len(smiles)} characters; the model takes at most {room}" if len(smiles) > room else None

    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        """Return the last state for each string."""
        import numpy as np
        import torch
        from fcd.utils import get_one_hot

        length = self.card.options["length"]
        one_hot = np.stack([get_one_hot(sample.view(self.card.view), pad_len=length) for sample in samples])
        self.unknown_tokens += int(one_hot[:, :, self.unknown].sum())
        # Divided by the size of the vocabulary, as in training.
        x = torch.tensor(one_hot / one_hot.shape[2], dtype=torch.float32, device=self.device)
        with torch.no_grad():
            return Output(self.model(x.transpose(1, 2)).clone())
