"""All models by name: shipped with hyle, added by installed packages, and registered by the user."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from importlib import resources

from ..base import InputError, did_you_mean, is_user_model
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
    """Return the cards of all models, sorted by modality, then by name.

    They include the models of installed packages and registered models. Only cards are read: no model library is
    imported.
    """
    cards = {**registered(), **shipped_cards()}
    return sorted(cards.values(), key=lambda card: (ORDER.index(card.modality), card.name))


def shipped_cards() -> dict[str, ModelCard]:
    """Return the cards of the models of hyle and of installed packages, by name."""
    return {**_cards(), **plugin_cards()}


def is_of_hyle(name: str) -> bool:
    """Return whether a name is that of a model of hyle itself, whose weights are verified, and not of a package."""
    return name in _cards() and name not in plugin_cards()


@functools.cache
def plugin_cards() -> Mapping[str, ModelCard]:
    """Return the cards of the models that installed packages add, by name."""
    cards = {}
    for name, path in entry_points().items():
        try:
            cards[name] = user_card(path, name)
        except ValueError as error:  # one broken package must not hide the other models
            warnings.warn(f"the model {name} of an installed package is skipped: {error}", stacklevel=2)
    return cards


def find_card(name: str, *, notify: Callable[[str], None] | None = None) -> ModelCard:
    """Return the card of one model.

    Args:
        name: name of a card; ``module:Class`` for an adapter of the user; ``hf:organisation/name`` or ``hf:./folder``
            for an encoder or decoder of transformers.
        notify: called with one line before anything is downloaded, which happens only for ``hf:`` names.

    Raises:
        ValueError: no such model (the message suggests the closest name), or a model that cannot be loaded (the
            message gives the reason).
    """
    cards = {**registered(), **shipped_cards()}
    if name in cards:
        if cards[name].reason:
            raise InputError(f"{name} cannot be loaded, and has only a card: {cards[name].reason}")
        return cards[name]

    if name.startswith(PREFIX):
        return hub_card(name, notify=notify)
    if is_user_model(name):
        return user_card(name)
    raise InputError(f"no model is called {name!r}{did_you_mean(name, cards)} `hyle models` lists them all.")
