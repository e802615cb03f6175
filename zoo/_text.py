"""Suggestions for misspelt words."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any


def did_you_mean(word: str, words: Mapping[str, Any] | Sequence[str]) -> str:
    """Return ``"; did you mean 'x'?"``, or a full stop if no word is close."""
    close = difflib.get_close_matches(word.lower(), list(words), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else "."
