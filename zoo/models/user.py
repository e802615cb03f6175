"""Adapters of users, named as ``module:Class``, and adapters that other packages add by entry points."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.metadata
import inspect
from pathlib import Path
from typing import Any

from .._adapter import Adapter
from .._cache import file_sha256
from .._errors import InputError
from .._imports import current_folder
from ..cards import ModelCard, Weights

# Entry point group in which other packages declare their adapters: NAME = "module:Class".
GROUP = "hyle.models"
DEFAULTS: dict[str, Any] = {
    "modality": "string",
    "architecture": "unconstrained",
    "parameters": 0,
    "dim": 0,
    "training_data": "not stated",
    "trained_on": (),
    "licence": "not stated",
    "citation": "",
    "pooling": "mean",
    "batch_size": 32,
}


def user_card(path: str, name: str | None = None) -> ModelCard:
    """Build the card of an adapter class.

    Args:
        path: ``"module:Class"``, where the module is importable or in the current folder and the class is an
            `Adapter`. Its class attributes may set any field of a `ModelCard`, and must set ``view`` and ``layers``.
            The class attribute ``files`` maps names to paths relative to the folder of the module; these files are
            hashed and passed to the adapter.
        name: name of the model; default the path.

    Raises:
        ValueError: no such module or class, or a required attribute or a file is missing; the message names it.
    """
    module_name, _, class_name = path.partition(":")
    try:
        with current_folder():
            module = importlib.import_module(module_name)
        cls = getattr(module, class_name)
    except (ImportError, AttributeError) as error:
        raise InputError(f"{path} cannot be imported: {error}; use the form MODULE:CLASS") from error
    if not (inspect.isclass(cls) and issubclass(cls, Adapter)):
        raise InputError(f"{path} is not an adapter: derive it from hyle.zoo.Adapter")
    fields = {field.name for field in dataclasses.fields(ModelCard)} - {"name", "adapter", "weights"}
    facts = {field: getattr(cls, field) for field in fields if hasattr(cls, field)}
    absent = sorted({"view", "layers"} - set(facts))
    if absent:
        raise InputError(f"{path} must have the class attributes {' and '.join(absent)}")
    source = Path(inspect.getfile(cls))
    folder = source.parent
    files = {"source": source.name, **getattr(cls, "files", {})}
    missing = [member for member in files.values() if not (folder / member).is_file()]
    if missing:
        raise InputError(f"{path} names the file {missing[0]}, which is not in {folder}")
    hashes = {key: (member, file_sha256(folder / member)) for key, member in files.items()}
    facts["layers"] = [facts["layers"]] if isinstance(facts["layers"], str) else list(facts["layers"])
    name = name or path
    return ModelCard(
        name=name,
        adapter=path,
        weights=Weights(files=hashes, folder=str(folder)),
        **{"family": name, **DEFAULTS, **facts},
    )


def entry_points() -> dict[str, str]:
    """Return the models that installed packages add, as name -> ``module:Class``."""
    return {entry.name: entry.value for entry in importlib.metadata.entry_points(group=GROUP)}
