"""Adapters of users, named as ``module:Class``, and adapters that other packages add by entry points."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.metadata
import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from ..adapter import Adapter, OnePassAdapter
from ..base import (
    VIEWS,
    InputError,
    current_folder,
    describe_user_error,
    did_you_mean,
    file_sha256,
    missing_package,
    shorten,
)
from ..cards import Modality, ModelCard, Weights
from .pooling import cumulant_order

# Entry point group in which other packages declare their adapters: NAME = "module:Class".
GROUP = "hyle.models"
POOLINGS = ("none", "mean", "sum")
# Fields of a card for which a single name may be written without a tuple.
LISTS = {"layers", "trained_on", "domains", "requirements", "no_deps", "versions"}
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
    cls = _adapter_class(path)
    fields = {field.name for field in dataclasses.fields(ModelCard)} - {"name", "adapter", "weights"}
    facts = {field: getattr(cls, field) for field in fields if hasattr(cls, field)}
    absent = sorted({"view", "layers"} - set(facts))
    if absent:
        raise InputError(f"{path} must have the class attributes {' and '.join(absent)}")
    _check_methods(path, cls)
    source = Path(inspect.getfile(cls))
    folder = source.parent
    extra = getattr(cls, "files", {})
    if not isinstance(extra, Mapping):
        raise InputError(f"{path}: files must map names to paths, such as {{'weights': 'weights.pt'}}; got {extra!r}")
    files = {"source": source.name, **extra}
    missing = [member for member in files.values() if not (folder / member).is_file()]
    if missing:
        raise InputError(f"{path} names the file {missing[0]}, which is not in {folder}")
    hashes = {key: (member, file_sha256(folder / member)) for key, member in files.items()}
    for field in LISTS & set(facts):
        if isinstance(facts[field], str):
            facts[field] = (facts[field],)
    _check_facts(path, {**DEFAULTS, **facts})
    facts["layers"] = list(facts["layers"])
    name = name or path
    return ModelCard(
        name=name,
        adapter=path,
        weights=Weights(files=hashes, folder=str(folder)),
        **{"family": name, **DEFAULTS, **facts},
    )


def _adapter_class(path: str) -> type[Adapter]:
    module_name, _, class_name = path.partition(":")
    try:
        with current_folder():
            module = importlib.import_module(module_name)
    except Exception as error:
        reason = describe_user_error(error) or f"{type(error).__name__}: {error}"
        if isinstance(error, ModuleNotFoundError) and f"{module_name}.".startswith(f"{error.name}."):
            reason = f"there is no module {error.name} in {Path.cwd()} or among the installed packages"
        elif isinstance(error, ImportError) and (missing := missing_package(error)):
            reason = missing
        raise InputError(f"{path} cannot be imported: {reason}; use the form MODULE:CLASS") from error
    cls = getattr(module, class_name, None)
    if cls is None:
        classes = [name for name, value in vars(module).items() if inspect.isclass(value)]
        hint = did_you_mean(class_name, classes).rstrip(".")
        raise InputError(f"{path} cannot be imported: {module_name} has no class {class_name}{hint}")
    if not (inspect.isclass(cls) and issubclass(cls, Adapter)):
        raise InputError(f"{path} is not an adapter: derive it from hyle.zoo.Adapter")
    return cls


def _check_methods(path: str, cls: type[Adapter]) -> None:
    forms: list[tuple[str, str, tuple[Any, ...]]] = [
        ("__init__", "(self, card, files, device)", (None, None, None, "cpu")),
        ("forward", "(self, samples, layer)", (None, [], "")),
        ("unsupported", "(self, sample)", (None, None)),
    ]
    if issubclass(cls, OnePassAdapter):
        forms.append(("forward_layers", "(self, samples, layers)", (None, [], [])))
    if inspect.isabstract(cls):
        absent = min(cls.__abstractmethods__)
        raise InputError(
            f"{path} has no method {absent}{next((form for name, form, _ in forms if name == absent), '')}"
        )
    for name, form, arguments in forms:
        try:
            inspect.signature(getattr(cls, name)).bind(*arguments)
        except TypeError as error:
            raise InputError(f"{path}.{name} must take {form}: {error}") from error


def _check_facts(path: str, facts: Mapping[str, Any]) -> None:
    for name, values in (("view", (*VIEWS, "any")), ("modality", get_args(Modality))):
        if facts[name] not in values:
            raise InputError(f"{path}: {name} has no value {facts[name]!r}; it has: {', '.join(values)}")
    layers = facts["layers"]
    if not isinstance(layers, Sequence) or not layers or not all(isinstance(layer, str) for layer in layers):
        raise InputError(f"{path}: layers must be names of layers, such as ('hidden',); got {shorten(repr(layers))}")
    pooling = facts["pooling"]
    if not isinstance(pooling, str) or (pooling not in POOLINGS and cumulant_order(pooling) is None):
        raise InputError(f"{path}: pooling must be none, mean, sum or cumulants(1..4); got {shorten(repr(pooling))}")
    if not isinstance(facts["batch_size"], int) or facts["batch_size"] < 1:
        raise InputError(f"{path}: batch_size must be at least 1; got {shorten(repr(facts['batch_size']))}")


def entry_points() -> dict[str, str]:
    """Return the models that installed packages add, as name -> ``module:Class``."""
    return {entry.name: entry.value for entry in importlib.metadata.entry_points(group=GROUP)}
