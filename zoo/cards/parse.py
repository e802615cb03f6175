"""Read model cards from TOML."""

from __future__ import annotations

import copy
import functools
import tomllib
import warnings
from collections.abc import Mapping
from importlib import resources
from typing import Any

from ..base import InputError
from .card import ModelCard, Weights


def current_names(table: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a card under their current names: the old name ``panel`` becomes ``default``."""
    if "panel" not in table:
        return table
    warnings.warn(
        "in a model card, panel is now called default; the old name is accepted in this release only",
        FutureWarning,
        stacklevel=2,
    )
    return {"default" if name == "panel" else name: value for name, value in table.items()}


def card_table(text: str, others: Mapping[str, str]) -> dict[str, Any]:
    """Return the table of a card, including the fields that it inherits from its base card."""
    table = current_names(copy.deepcopy(_read(text)))
    base = table.pop("base", None)
    if base is None:
        return table
    inherited = card_table(others[base], others)
    for field in ("default", "study", "reason"):  # these belong to one model only
        inherited.pop(field, None)
    return _merge(inherited, table)


@functools.lru_cache(maxsize=256)  # cards with the same base share its table
def _read(text: str) -> dict[str, Any]:
    return tomllib.loads(text)


def _merge(base: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    nested = {key: _merge(base[key], table[key]) for key in table if isinstance(base.get(key), dict)}
    return {**base, **table, **nested}


def _files(files: Mapping[str, Mapping[str, str]]) -> dict[str, tuple[str, str]]:
    return {name: (file["member"], file["sha256"]) for name, file in files.items()}


def _read_listing(name: str) -> dict[str, tuple[str, str]]:
    """Read the files from a listing in the folder of the cards, in sha256sum format; their paths are their names."""
    text = (resources.files("hyle.zoo.cards") / name).read_text("utf-8")
    pairs = [line.split(maxsplit=1) for line in text.splitlines()]
    return {path: (path, sha256) for sha256, path in pairs}


def parse_card(text: str, origin: str, others: Mapping[str, str] | None = None) -> ModelCard:
    """Read one card from TOML text.

    Args:
        text: the card. With `base = "NAME"` it inherits all other fields from that card. Instead of `files`, its
            weights may name a `listing` of many files, in sha256sum format.
        origin: its file name, for error messages.
        others: name -> text of the cards that may be a base.

    Raises:
        ValueError: a field is missing or unknown; the message names the file.
    """
    try:
        table = card_table(text, others or {})
        environment = table.pop("environment", {})
        weights = table.pop("weights", None)
        if weights is not None:
            listing = weights.pop("listing", None)
            files = _read_listing(listing) if listing else _files(weights.pop("files"))
            table["weights"] = Weights(files=files, **weights)
        return ModelCard(**table, **environment)
    except (tomllib.TOMLDecodeError, TypeError, KeyError) as error:
        raise InputError(f"{origin} is not a model card: {error}") from error
