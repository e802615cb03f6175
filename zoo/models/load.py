"""Load a model by name, in this process or in an isolated environment."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable

from ..base import InputError, MissingPackageError
from ..cards import ModelCard
from ..environments import Environment, Worker
from .model import Model, hub_errors
from .registry import find_card
from .weights_files import weights_files


def prepare(card: ModelCard, *, notify: Callable[[str], None] | None = None) -> None:
    """Build the isolated environment of a model whose libraries are not installed here, unless it exists."""
    if card.missing():
        Environment.of(card).build(notify=notify)


def load(
    name: str, *, device: str = "cpu", isolate: bool = False, notify: Callable[[str], None] | None = None
) -> Model:
    """Load a model by name.

    Args:
        name: a name from `list_models`, or another name that `find_card` accepts.
        device: the torch device to run on.
        isolate: run a model whose libraries are not installed here in an isolated environment, which is built if it
            does not exist. By default, missing libraries are an error.
        notify: called with one line before anything is downloaded or installed.

    Raises:
        ValueError: no such model, or weights whose hash is not the one in the card.
        MissingPackageError: its libraries are not installed here; gives the command that installs them.
        MissingWeightsError: its weights are on a hub and not in the local cache; gives the command that fetches them.
    """
    card = find_card(name, notify=notify)
    missing = card.missing()
    if missing and isolate:
        return Model(card, Worker(card, device, notify))
    if missing:
        raise MissingPackageError(
            f"{name} needs {', '.join(missing)}; to install them in an isolated environment: "
            f"{card.install_command()}, then load(..., isolate=True); to install them in this one: "
            f"hyle models --requirements {name} | sh"
        )
    if card.weights is not None and card.torch:
        _check_device(device)
    module, _, cls = card.adapter.partition(":")
    adapter = getattr(importlib.import_module(module), cls)
    files = weights_files(card, notify=notify)
    with hub_errors(card):
        return Model(card, adapter(card, files, device))


def _check_device(device: str) -> None:
    import torch

    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"torch cannot use the device {device!r} here: {reason}; `hyle doctor` lists devices"
        ) from error
