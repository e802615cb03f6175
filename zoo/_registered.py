"""Models that were trained here: cards with their weights, in a folder of the user."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ._cache import cache_dir, file_sha256
from ._cards import ModelCard, Weights

CARD = "card.json"


def registered_dir() -> Path:
    """Return the folder of registered models: ``HYLE_MODELS`` where it is set, else ``models`` in `cache_dir`."""
    own = os.environ.get("HYLE_MODELS")
    return Path(own).expanduser().absolute() if own else cache_dir() / "models"


def check_name(name: str) -> Path:
    """Return the folder that a model of this name has or would have.

    Raises:
        ValueError: a name that is no file name, or of a model that ships with hyle or comes from a package.
    """
    from ._cards import shipped_cards

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise ValueError(f"a model cannot be called {name!r}: use letters, digits, '.', '_' and '-'")
    if name in shipped_cards():
        raise ValueError(f"a model is called {name!r} already: choose another name")
    return registered_dir() / name


def register(card: ModelCard, files: Mapping[str, Path]) -> ModelCard:
    """Make a model known by its name, in place of one that was registered under it.

    Args:
        card: its facts, without weights.
        files: name that the adapter uses -> file, which is copied.

    Returns:
        The card with its weights.
    """
    folder = check_name(card.name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = folder.with_name(f".{card.name}.{os.getpid()}.{os.urandom(4).hex()}")
    scratch.mkdir()
    try:
        for path in files.values():
            shutil.copyfile(path, scratch / path.name)
        hashes = {name: (path.name, file_sha256(scratch / path.name)) for name, path in files.items()}
        table = {**dataclasses.asdict(card), "weights": hashes}
        (scratch / CARD).write_text(json.dumps(table, indent=2) + "\n", "utf-8")
        if folder.exists():
            old = scratch.with_suffix(".old")
            folder.rename(old)
            scratch.rename(folder)
            shutil.rmtree(old)
        else:
            scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return registered()[card.name]


def registered() -> dict[str, ModelCard]:
    """Name -> card of every registered model."""
    found = {}
    for path in sorted(registered_dir().glob(f"[!.]*/{CARD}")):
        try:
            table: dict[str, Any] = json.loads(path.read_text("utf-8"))
            files = {name: (member, sha256) for name, (member, sha256) in table.pop("weights").items()}
            found[path.parent.name] = ModelCard(**table, weights=Weights(files=files, folder=str(path.parent)))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            # One broken folder must not hide all models.
            warnings.warn(f"{path} is not a model card and is left out: {error}", stacklevel=2)
    return found
