"""Texts in messages: suggestions for misspelt words, and values of files."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MAX_REASON = 300  # characters of an error of another library, which may quote the content of a file


def did_you_mean(word: str, words: Mapping[str, Any] | Sequence[str]) -> str:
    """Return ``"; did you mean 'x'?"``, or a full stop if no word is close.

    Words that begin with the misspelt one come first, because a version or a size is often left out; then the closest
    word, then words that contain it. The suffixes of files do not count.
    """
    known = list(words)
    query = _stem(word)
    start = query if len(query) >= 2 else word.lower()
    if len(start) >= 2 and (longer := [each for each in known if each.lower().startswith(start)]):
        close = [each for each in longer if each.lower() == word.lower()] or longer[:3]
    else:
        stems: dict[str, str] = {}
        for each in known:
            stems.setdefault(_stem(each), each)
        close = [stems[stem] for stem in difflib.get_close_matches(query, stems, n=1, cutoff=0.6)]
        if not close and len(query) >= 4:
            close = [each for each in known if query in each.lower()][:3]
    if not close:
        return "."
    return f"; did you mean {' or '.join(filter(None, (', '.join(map(repr, close[:-1])), repr(close[-1]))))}?"


def _stem(name: str) -> str:
    """Return a name in lower case without the suffix of a file; a version such as 0.3.0 is no suffix."""
    stem, _, suffix = name.lower().rpartition(".")
    return stem if stem and suffix.isalnum() and not suffix.isdigit() else name.lower()


def shorten(value: object, width: int = 60) -> str:
    """Return a value as at most ``width`` printable characters, because files may contain anything.

    White space becomes spaces, other characters that cannot be printed U+FFFD; a text that is cut ends in an ellipsis.
    """
    text = str(value)
    text = text if len(text) <= width else text[: width - 1] + "…"
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)


def valid_text(name: str) -> str:
    """Return the name of a file as text that can be written; bytes that are not UTF-8 become U+FFFD."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def shorten_names(names: Iterable[object], most: int = 20) -> str:
    """Return names for a message, separated by commas: the first ``most``, each shortened, and how many follow."""
    texts = [shorten(name) for name in names]
    more = [f"and {len(texts) - most} more"] if len(texts) > most else []
    return ", ".join([*texts[:most], *more])
