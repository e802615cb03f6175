"""Models that were trained here: cards with their weights, in a folder of the user."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

from .._cache import cache_dir
from ..cards import ModelCard, Weights, current_names

CARD = "card.json"


def registered_dir() -> Path:
    """Return the folder of registered models: ``HYLE_MODELS`` where it is set, else ``models`` in `cache_dir`."""
    own = os.environ.get("HYLE_MODELS")
    return Path(own).expanduser().absolute() if own else cache_dir() / "models"


def registered() -> dict[str, ModelCard]:
    """Name -> card of every registered model."""
    found = {}
    for path in sorted(registered_dir().glob(f"[!.]*/{CARD}")):
        try:
            table: dict[str, Any] = json.loads(path.read_text("utf-8"))
            files = {name: (member, sha256) for name, (member, sha256) in table.pop("weights").items()}
            found[path.parent.name] = ModelCard(
                **current_names(table), weights=Weights(files=files, folder=str(path.parent))
            )
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            # One broken folder must not hide all models.
            warnings.warn(f"{path} is not a model card and is left out: {error}", stacklevel=2)
    return found
