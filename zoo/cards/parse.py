"""Read model cards from TOML."""

from __future__ import annotations

import tomllib
import warnings
from collections.abc import Mapping
from importlib import resources
from typing import Any

from .._errors import InputError
from .card import ModelCard, Weights


def current_names(table: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a card under the names of today; ``default`` was called ``panel``, and still may be."""
    if "panel" not in table:
        return table
    warnings.warn(
        "in a model card, panel is now called default; the old name is accepted in this release only",
        FutureWarning,
        stacklevel=2,
    )
    return {"default" if name == "panel" else name: value for name, value in table.items()}


def card_table(text: str, others: Mapping[str, str]) -> dict[str, Any]:
    """Return the table of a card, with what it takes from its base."""
    table = current_names(tomllib.loads(text))
    base = table.pop("base", None)
    if base is None:
        return table
    below = card_table(others[base], others)
    for own in ("default", "study", "reason"):  # which stand for one model
        below.pop(own, None)
    return _merged(below, table)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = {key: _merged(below[key], above[key]) for key in above if isinstance(below.get(key), dict)}
    return {**below, **above, **both}


def _named(files: Mapping[str, Mapping[str, str]]) -> dict[str, tuple[str, str]]:
    return {name: (file["member"], file["sha256"]) for name, file in files.items()}


def _listed(name: str) -> dict[str, tuple[str, str]]:
    """Read many files from a listing beside the cards, in the form of sha256sum; they keep their paths as names."""
    text = (resources.files("hyle.zoo.cards") / name).read_text("utf-8")
    pairs = [line.split(maxsplit=1) for line in text.splitlines()]
    return {path: (path, sha256) for sha256, path in pairs}


def parse_card(text: str, origin: str, others: Mapping[str, str] | None = None) -> ModelCard:
    """Read one card from TOML text.

    Args:
        text: the card; with `base = "NAME"` it says only what differs from that one. Instead of `files` its weights
            may name a `listing` of many files, in the form of sha256sum.
        origin: its file name, for errors.
        others: name -> text of the cards that may be a base.

    Raises:
        ValueError: the card lacks a field or has one that is not known; names the file.
    """
    try:
        table = card_table(text, others or {})
        environment = table.pop("environment", {})
        weights = table.pop("weights", None)
        if weights is not None:
            listing = weights.pop("listing", None)
            files = _listed(listing) if listing else _named(weights.pop("files"))
            table["weights"] = Weights(files=files, **weights)
        return ModelCard(**table, **environment)
    except (tomllib.TOMLDecodeError, TypeError, KeyError) as error:
        raise InputError(f"{origin} is not a model card: {error}") from error
