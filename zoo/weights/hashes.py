"""Known SHA-256 hashes of weights, from cards and from the user."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from .._cache import cache_dir, locked
from .._errors import InputError
from ..cards import ModelCard, Weights

SHA256 = re.compile(r"[0-9a-f]{64}")


class UnknownHashError(InputError):
    """A file that would have to be unpickled, of which nobody has said what it must hash to."""


def known_hashes(weights: Weights) -> Mapping[str, str]:
    """Return the SHA-256 that each file must have, by member: the card's, else the one that is kept here, else empty.

    One is kept where the user gave it, and where a file that cannot run code was fetched for the first time.
    """
    kept = _load_hashes()
    return {m: sha256 or kept.get(f"{_hash_scope(weights)}/{m}", "") for m, sha256 in weights.files.values()}


def pin_hashes(card: ModelCard, hashes: Mapping[str, str]) -> None:
    """Keep what the files of a card must hash to, where the card does not say so.

    Args:
        card: whose weights lie on a hub or on the web.
        hashes: name of the file as the card has it -> SHA-256.

    Raises:
        ValueError: no such file, one whose hash the card states, or no SHA-256.
    """
    weights = card.weights
    files = {} if weights is None or not weights.remote else weights.files
    for name, sha256 in hashes.items():
        if name not in files:
            raise InputError(f"{card.name} has no file {name!r}; it has: {', '.join(files) or 'none'}")
        if files[name][1]:
            raise InputError(f"the card of {card.name} states the SHA-256 of {name!r} already: {files[name][1]}")
        if not SHA256.fullmatch(sha256):
            raise InputError(f"a SHA-256 has 64 hexadecimal digits; got {sha256!r}")
    if hashes:
        assert weights is not None
        _save_hashes({f"{_hash_scope(weights)}/{files[name][0]}": sha256 for name, sha256 in hashes.items()})


def check_hashes(card: ModelCard) -> None:
    """Refuse files that can only be unpickled, which may run anything, unless their SHA-256 is known.

    Raises:
        UnknownHashError: says how to give it.
    """
    weights = card.weights
    if weights is None or not weights.pickled:
        return
    known = known_hashes(weights)
    for name, (member, _) in weights.files.items():
        if not known[member]:
            raise UnknownHashError(
                f"{card.name}: {member} is a pickle, which can run any code, and its card states no SHA-256; with one "
                f"from a source that you trust: hyle fetch {card.name} --sha256 {name}=HEX"
            )


def _hash_scope(weights: Weights) -> str:
    return weights.url or f"{weights.hub}@{weights.revision}"


def _hashes() -> Path:
    return cache_dir() / "hashes.json"


def _load_hashes() -> Mapping[str, str]:
    try:
        return json.loads(_hashes().read_text("utf-8"))
    except FileNotFoundError:
        return {}


def _save_hashes(hashes: Mapping[str, str]) -> None:
    path = _hashes()
    with locked(path.with_name(f".{path.name}.lock"), lambda: None):
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        part.write_text(json.dumps({**_load_hashes(), **hashes}, indent=1, sort_keys=True), "utf-8")
        part.replace(path)
