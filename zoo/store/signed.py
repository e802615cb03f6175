"""Metadata with a hash of themselves, as JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

ABOUT_SHA256 = "about_sha256"  # of the other metadata


def signed(about: Mapping[str, Any]) -> str:
    """Return metadata as JSON with their own hash; `unsigned` reads it."""
    # As it will be read: JSON has neither tuples nor keys that are numbers.
    whole = json.loads(json.dumps(about))
    return json.dumps({**whole, ABOUT_SHA256: text_sha256(whole)})


def unsigned(text: str | bytes) -> tuple[dict[str, Any] | None, bool | None]:
    """Return metadata that `signed` wrote, and whether their hash is the stored one; None if there is none.

    Raises:
        ValueError: they are not JSON.
    """
    about = json.loads(text)
    if not isinstance(about, dict):
        return None, None
    sha256 = about.pop(ABOUT_SHA256, None)
    return about, None if sha256 is None else sha256 == text_sha256(about)


def text_sha256(about: Mapping[str, Any]) -> str:
    """Return the SHA-256 of metadata, in hexadecimal, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
