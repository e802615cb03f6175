"""Models that users bring: a class of their own by ``module:Class``, or an entry point of another package."""

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

# Other packages name their adapters under it: NAME = "module:Class".
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
    """Make the card of an adapter class.

    Args:
        path: ``"module:Class"``, the module importable or in the current folder. The class is an `Adapter`; as class
            attributes it may give any field of a `ModelCard`, and must give ``view`` and ``layers``. ``files``, name ->
            path beside the module, are hashed and handed to it.
        name: how the model is called; default the path.

    Raises:
        ValueError: no such module or class, or the class lacks something; says what.
    """
    module_name, _, class_name = path.partition(":")
    try:
        with current_folder():
            module = importlib.import_module(module_name)
        cls = getattr(module, class_name)
    except (ImportError, AttributeError) as error:
        raise InputError(f"{path} cannot be imported: {error}; name it as MODULE:CLASS") from error
    if not (inspect.isclass(cls) and issubclass(cls, Adapter)):
        raise InputError(f"{path} is no adapter: derive it from hyle.zoo.Adapter")
    fields = {field.name for field in dataclasses.fields(ModelCard)} - {"name", "adapter", "weights"}
    facts = {field: getattr(cls, field) for field in fields if hasattr(cls, field)}
    lacking = sorted({"view", "layers"} - set(facts))
    if lacking:
        raise InputError(f"{path} must say its {' and '.join(lacking)} as class attributes")
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
    """Name -> ``module:Class`` of the models that installed packages add."""
    return {entry.name: entry.value for entry in importlib.metadata.entry_points(group=GROUP)}
