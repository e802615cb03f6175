"""The card of a model whose weights are on this machine."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

from ..cards import ModelCard
from ..models import find_card
from ..weights import check_hashes, fetch


def fetched_card(name: str, *, notify: Callable[[str], None] | None = None) -> ModelCard:
    """Return the card of a model, after its weights are downloaded if they are on a hub or on the web.

    Args:
        name: a name that `find_card` accepts.
        notify: called with one line before anything is downloaded.
    """
    card = find_card(name, notify=notify)
    if card.weights is not None and card.weights.remote:
        check_hashes(card)  # before anything is downloaded or installed
        if card.weights.url or importlib.util.find_spec("huggingface_hub"):
            fetch(card.weights, notify=notify)  # their hash or commit is part of the key
    return card
