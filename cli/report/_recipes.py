"""The recipe of each representation as one table: what all share once, what differs as columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_NAMES = {
    "weights_sha256": "SHA-256 of the weights",
    "weights_from": "source of the weights",
    "dataset_version": "version of the data set",
    "dataset_source": "source of the data set",
    "read_as": "read as",
}


# What the recipe of the whole report says already, where it is the same for all models.
_OF_THE_REPORT = ("dataset", "dataset_version", "dataset_source")


@dataclass(frozen=True)
class RecipeTable:
    """Recipes side by side.

    Args:
        shared: name and value of what is equal for all models.
        columns: names of what differs.
        rows: model, and its values.
    """

    shared: list[tuple[str, str]]
    columns: list[str]
    rows: list[tuple[str, list[str]]]


def recipe_table(recipes: Mapping[str, Any]) -> RecipeTable:
    """Return the recipes, by model, as a table; values that are not mappings have a single column."""
    flat = {name: _flat(recipe) for name, recipe in recipes.items()}
    keys = list(dict.fromkeys(key for recipe in flat.values() for key in recipe))
    values = {key: [recipe.get(key, "") for recipe in flat.values()] for key in keys}
    shared = [key for key in keys if len(flat) > 1 and len(set(values[key])) == 1]
    # The name of a model heads its row.
    columns = [k for k in keys if k not in shared and any(flat[name].get(k, "") not in ("", name) for name in flat)]
    return RecipeTable(
        [
            (_NAMES.get(key, key.replace("_", " ")), values[key][0])
            for key in shared
            if values[key][0] and key not in _OF_THE_REPORT
        ],
        [_NAMES.get(key, key.replace("_", " ")) for key in columns],
        [(name, [recipe.get(key, "") for key in columns]) for name, recipe in flat.items()],
    )


def _flat(recipe: Any) -> dict[str, str]:
    if not isinstance(recipe, Mapping):
        return {"recipe": str(recipe)}
    return {str(key): _text(value) for key, value in recipe.items()}


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(inner)}" for key, inner in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value))
    return "" if value is None else str(value)
