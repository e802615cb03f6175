"""Load a model by name, here or in an environment of its own."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable

from .._errors import InputError, MissingPackageError
from ..cards import ModelCard
from ..environments import Environment, Worker
from .model import Model
from .registry import find_card
from .weights_files import weights_files


def prepare(card: ModelCard, *, notify: Callable[[str], None] | None = None) -> None:
    """Build the environment of a model whose libraries are not here, where that was not done yet."""
    if card.missing():
        Environment.of(card).build(notify=notify)


def load(
    name: str, *, device: str = "cpu", isolate: bool = False, notify: Callable[[str], None] | None = None
) -> Model:
    """Load a model by its card's name.

    Args:
        name: as `list_models` gives it, or what `find_card` takes besides.
        device: where to run, as torch names devices.
        isolate: run a model whose libraries are not here in an environment of its own, which is built where it is not
            kept yet; default an error.
        notify: called with one line before anything is downloaded or installed.

    Raises:
        ValueError: no such model, or weights that do not hash to what the card says.
        MissingPackageError: its libraries are not installed here; says the command that installs them.
        MissingWeightsError: its weights lie on a hub and not in the cache here; says the command that fetches them.
    """
    card = find_card(name, notify=notify)
    missing = card.missing()
    if missing and isolate:
        return Model(card, Worker(card, device, notify))
    if missing:
        raise MissingPackageError(
            f"{name} needs {', '.join(missing)}; in an environment of its own: {card.install_command()}, "
            "then load(..., isolate=True); or into this one: "
            f"hyle models --requirements {name} | sh"
        )
    if card.weights is not None and card.torch:
        _check_device(device)
    module, _, cls = card.adapter.partition(":")
    adapter = getattr(importlib.import_module(module), cls)
    return Model(card, adapter(card, weights_files(card, notify=notify), device))


def _check_device(device: str) -> None:
    import torch

    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"torch cannot use the device {device!r} here: {reason}; `hyle doctor` lists devices"
        ) from error
