"""Register a trained model under a name."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from .._cache import file_sha256
from .._errors import InputError
from ..cards import ModelCard
from .registered import CARD, registered, registered_dir
from .registry import shipped_cards


def check_name(name: str) -> Path:
    """Return the folder that a model of this name has or would have.

    Raises:
        ValueError: a name that is no file name, or of a model that ships with hyle or comes from a package.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise InputError(f"a model cannot be called {name!r}: use letters, digits, '.', '_' and '-'")
    if name in shipped_cards():
        raise InputError(f"a model is called {name!r} already: choose another name")
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
