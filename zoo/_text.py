"""Texts in messages: suggestions for misspelt words, and values of files."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MAX_REASON = 300  # characters of an error of another library, which may quote the content of a file


def did_you_mean(word: str, words: Mapping[str, Any] | Sequence[str]) -> str:
    """Return ``"; did you mean 'x'?"``, or a full stop if no word is close."""
    close = difflib.get_close_matches(word.lower(), list(words), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else "."


def shorten(value: object, width: int = 60) -> str:
    """Return a value as at most ``width`` printable characters, because files may contain anything.

    White space becomes spaces, other characters that cannot be printed U+FFFD; a text that is cut ends in an ellipsis.
    """
    text = str(value)
    text = text if len(text) <= width else text[: width - 1] + "…"
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)


def shorten_names(names: Iterable[object], most: int = 20) -> str:
    """Return names for a message, separated by commas: the first ``most``, each shortened, and how many follow."""
    texts = [shorten(name) for name in names]
    more = [f"and {len(texts) - most} more"] if len(texts) > most else []
    return ", ".join([*texts[:most], *more])
