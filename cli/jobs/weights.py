"""Download the weights of models."""

from __future__ import annotations

from hyle.zoo import ModelCard, check_hashes, fetch, weights_files

from ..console import say
from ..interrupts import INTERRUPTS


def fetch_weights(card: ModelCard) -> dict[str, str]:
    """Download the weights of a model, unless they are complete, and check them.

    Returns:
        The name that the adapter uses -> the path of the file.

    Raises:
        UnknownHashError: a file in pickle format whose SHA-256 is unknown.
    """
    if card.weights is not None and card.weights.remote:
        check_hashes(card)
        INTERRUPTS.kept = "the same command continues the download"
        with INTERRUPTS.unwinding():
            fetch(card.weights, notify=say)
    return {name: str(path) for name, path in weights_files(card, notify=say).items()}
