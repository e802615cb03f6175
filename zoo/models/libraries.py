"""Libraries whose version changes the rows of a model: what was stored with other versions than those at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..environments import versions_of
from ..store import Entry, Key
from .registry import list_models

ABSENT = "absent"


def changed_libraries(recipe: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return the libraries of a recipe whose version here is another, and changes the rows.

    Args:
        recipe: the recipe of a representation.

    Returns:
        Name of the package -> its version in the recipe, ``unknown`` if it is not recorded, and here. Packages that
        are not installed here are excluded.
    """
    if not recipe.get("model"):  # a file, for which no card has to be read
        return {}
    card = next((card for card in list_models() if card.name == recipe["model"]), None)
    if card is None or not card.versions:
        return {}
    recorded = {**recipe.get("versions", {}), **recipe.get("libraries", {})}
    here = versions_of(card, card.versions)
    pairs = {name: (recorded.get(name, "unknown"), version) for name, version in here.items() if version != ABSENT}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def without_outdated(entries: Sequence[Entry]) -> list[Entry]:
    """Return stored representations without those of other library versions, if one of the versions here is stored."""

    def rest(entry: Entry) -> Key:
        return replace(entry.key, libraries="")

    current = {rest(e) for e in entries if e.key.libraries and not changed_libraries(e.recipe)}
    return [e for e in entries if rest(e) not in current or (e.key.libraries and not changed_libraries(e.recipe))]
