"""Known SHA-256 hashes of weights files, from cards and from the user."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from ..base import CACHE_REMEDY, InputError, cache_dir, locked, output_errors, replace_atomically
from ..cards import ModelCard, Weights

SHA256 = re.compile(r"[0-9a-f]{64}")


class UnknownHashError(InputError):
    """A file that would have to be unpickled and whose SHA-256 is not known."""


def known_hashes(weights: Weights) -> Mapping[str, str]:
    """Return the expected SHA-256 of each file, by member: that of the card, else the saved one, else empty.

    A SHA-256 is saved when the user gives it, and when a file that cannot run code is downloaded for the first time.
    """
    saved = _load_hashes()
    return {m: sha256 or saved.get(f"{_hash_scope(weights)}/{m}", "") for m, sha256 in weights.files.values()}


def pin_hashes(card: ModelCard, hashes: Mapping[str, str]) -> None:
    """Save the expected SHA-256 of files whose card states none.

    Args:
        card: a card with weights on a hub or on the web.
        hashes: name of the file in the card -> SHA-256.

    Raises:
        ValueError: no such file, a file whose SHA-256 the card states, or a value that is not a SHA-256.
        OutputError: the cache folder cannot be written.
    """
    weights = card.weights
    files = {} if weights is None or not weights.remote else weights.files
    for name, sha256 in hashes.items():
        if name not in files:
            raise InputError(f"{card.name} has no file {name!r}; it has: {', '.join(files) or 'none'}")
        if files[name][1]:
            raise InputError(f"the card of {card.name} already states the SHA-256 of {name!r}: {files[name][1]}")
        if not SHA256.fullmatch(sha256):
            raise InputError(f"a SHA-256 has 64 hexadecimal digits; got {sha256!r}")
    if hashes:
        assert weights is not None
        _save_hashes({f"{_hash_scope(weights)}/{files[name][0]}": sha256 for name, sha256 in hashes.items()})


def check_hashes(card: ModelCard) -> None:
    """Check that the SHA-256 of files that can only be unpickled, and so can run any code, is known.

    Raises:
        UnknownHashError: it is not known; the message says how to give it.
    """
    weights = card.weights
    if weights is None or not weights.pickled:
        return
    expected = known_hashes(weights)
    for name, (member, _) in weights.files.items():
        if not expected[member]:
            raise UnknownHashError(
                f"{card.name}: {member} is a pickle, which can run any code, and its card states no SHA-256; if you "
                f"have one from a source that you trust: hyle fetch {card.name} --sha256 {name}=HEX"
            )


def _hash_scope(weights: Weights) -> str:
    return weights.url or f"{weights.hub}@{weights.revision}"


def _hashes_path() -> Path:
    return cache_dir() / "hashes.json"


def _load_hashes() -> Mapping[str, str]:
    path = _hashes_path()
    try:
        return json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path} is damaged: remove it, and give the hashes in it again") from error


def _save_hashes(hashes: Mapping[str, str]) -> None:
    path = _hashes_path()
    with output_errors(path, CACHE_REMEDY), locked(path.with_name(f".{path.name}.lock"), lambda: None):
        merged = {**_load_hashes(), **hashes}
        with replace_atomically(path) as temporary:
            temporary.write_text(json.dumps(merged, indent=1, sort_keys=True), "utf-8")
