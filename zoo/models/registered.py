"""Registered models: cards and weights of models trained by the user, in a folder of the user."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

from ..base import cache_dir
from ..cards import ModelCard, Weights, current_names

CARD = "card.json"


def registered_dir() -> Path:
    """Return the folder of registered models: ``HYLE_MODELS`` if it is set, else ``models`` in `cache_dir`."""
    folder = os.environ.get("HYLE_MODELS")
    return Path(folder).expanduser().absolute() if folder else cache_dir() / "models"


def registered() -> dict[str, ModelCard]:
    """Return the cards of all registered models, by name."""
    cards = {}
    for path in sorted(registered_dir().glob(f"[!.]*/{CARD}")):
        try:
            table: dict[str, Any] = json.loads(path.read_text("utf-8"))
            files = {name: (member, sha256) for name, (member, sha256) in table.pop("weights").items()}
            cards[path.parent.name] = ModelCard(
                **current_names(table), weights=Weights(files=files, folder=str(path.parent))
            )
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            # One broken folder must not hide the other models.
            warnings.warn(f"{path} is not a model card and is skipped: {error}", stacklevel=2)
    return cards
