"""Register trained models by name."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from ..base import InputError, MissingFileError, file_sha256, output_errors, replace_atomically
from ..cards import ModelCard
from .registered import CARD, registered, registered_dir
from .registry import shipped_cards

# What a user can do if the folder of registered models cannot be written.
REMEDY = "set HYLE_MODELS to another folder"


def check_name(name: str) -> Path:
    """Return the folder of the registered model of this name, which need not exist.

    Raises:
        ValueError: the name is not a valid folder name, or is taken by a model of hyle or of an installed package.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise InputError(f"{name!r} is not a valid model name: use letters, digits, '.', '_' and '-'")
    if name in shipped_cards():
        raise InputError(f"the name {name!r} is taken by another model: choose another name")
    return registered_dir() / name


def register(card: ModelCard, files: Mapping[str, Path]) -> ModelCard:
    """Register a model under the name in its card, replacing a model registered under the same name.

    Args:
        card: its card, without weights.
        files: name that the adapter uses -> file, which is copied.

    Returns:
        The card with its weights.

    Raises:
        FileNotFoundError: a file is missing.
        OutputError: the folder cannot be written, or contains something other than a registered model.
    """
    folder = check_name(card.name)
    for path in files.values():
        if not path.is_file():
            raise MissingFileError(f"{path} does not exist")
    with output_errors(folder, REMEDY):
        folder.parent.mkdir(parents=True, exist_ok=True)
        _write(card, files, folder)
    return registered()[card.name]


def _write(card: ModelCard, files: Mapping[str, Path], folder: Path) -> None:
    with replace_atomically(folder, markers=(CARD,)) as scratch:
        scratch.mkdir()
        for path in files.values():
            shutil.copyfile(path, scratch / path.name)
        hashes = {name: (path.name, file_sha256(scratch / path.name)) for name, path in files.items()}
        table = {**dataclasses.asdict(card), "weights": hashes}
        (scratch / CARD).write_text(json.dumps(table, indent=2) + "\n", "utf-8")
