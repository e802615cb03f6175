"""All models by name: shipped, from other packages, and registered by the user."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from importlib import resources

from .._errors import InputError
from .._imports import is_user_model
from .._text import did_you_mean
from ..cards import ModelCard, parse_card
from ..weights import PREFIX
from .hub import hub_card
from .registered import registered
from .user import entry_points, user_card


@functools.cache
def _cards() -> Mapping[str, ModelCard]:
    folder = resources.files("hyle.zoo.cards")
    paths = sorted((p for p in folder.iterdir() if p.name.endswith(".toml")), key=lambda p: p.name)
    texts = {path.name.removesuffix(".toml"): path.read_text("utf-8") for path in paths}
    cards = [parse_card(text, f"{name}.toml", texts) for name, text in texts.items()]
    return {card.name: card for card in cards}


ORDER = ("string", "graph", "atoms", "protein", "text", "control")


def list_models() -> list[ModelCard]:
    """Return the card of every model, by modality, then by name, those of other packages and registered ones as well.

    Reads cards only: no model library is imported.
    """
    known = {**registered(), **shipped_cards()}
    return sorted(known.values(), key=lambda card: (ORDER.index(card.modality), card.name))


def shipped_cards() -> dict[str, ModelCard]:
    """Name -> card of the models of hyle and of installed packages."""
    return {**_cards(), **plugin_cards()}


@functools.cache
def plugin_cards() -> Mapping[str, ModelCard]:
    """Name -> card of the models that installed packages add."""
    found = {}
    for name, path in entry_points().items():
        try:
            found[name] = user_card(path, name)
        except ValueError as error:  # one broken package must not hide all models
            warnings.warn(f"the model {name}, which an installed package adds, is left out: {error}", stacklevel=2)
    return found


def find_card(name: str, *, notify: Callable[[str], None] | None = None) -> ModelCard:
    """Return the card of one model.

    Args:
        name: of a card; ``module:Class``, an adapter of the user; ``hf:organisation/name`` or ``hf:./folder``, an
            encoder or decoder of transformers.
        notify: called with one line before anything is downloaded, which only a model of the hub needs.

    Raises:
        ValueError: no such model; names the closest. One that nothing can load; says why.
    """
    cards = {**registered(), **shipped_cards()}
    if name in cards:
        if cards[name].reason:
            raise InputError(f"{name} has a card alone, for nothing can load it here: {cards[name].reason}")
        return cards[name]

    if name.startswith(PREFIX):
        return hub_card(name, notify=notify)
    if is_user_model(name):
        return user_card(name)
    raise InputError(f"no model is called {name!r}{did_you_mean(name, cards)} `hyle models` lists them all.")
