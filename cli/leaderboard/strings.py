"""Strings of a card that must not get into a page: markup, and characters that are invisible or reorder text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from hyle.zoo import shorten

from .schema import Problem, join_key

LONGEST = 2000
DEEPEST = 12
# Controls, invisible and reordering characters, surrogates, private use, not assigned; separators of lines.
_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_MARKUP = re.compile(r"<\s*[A-Za-z/!?]|&#|javascript\s*:", re.IGNORECASE)


def string_problems(value: Any, path: Sequence[Any] = ()) -> Iterator[Problem]:
    """Find hostile strings in plain data, also among the keys, and data that is nested too deeply."""
    if len(path) > DEEPEST:
        yield Problem(join_key(path), f"is nested more than {DEEPEST} levels deep")
    elif isinstance(value, dict):
        for key, item in value.items():
            if reason := hostile(key):
                yield Problem(join_key([*path, key]), f"the key {reason}")
            yield from string_problems(item, [*path, key])
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from string_problems(item, [*path, i])
    elif isinstance(value, str) and (reason := hostile(value)):
        yield Problem(join_key(path), reason)


def hostile(text: str) -> str:
    """Return why a string may not get into a page, empty if it may."""
    if len(text) > LONGEST:
        return f"has {len(text)} characters, and at most {LONGEST} are allowed"
    if match := _MARKUP.search(text):
        return f"contains markup: {shorten(text[match.start() :], 30)!r}"
    for character in text:
        if unicodedata.category(character) in _CATEGORIES:
            name = unicodedata.name(character, "a control character")
            return f"contains the character U+{ord(character):04X} ({name})"
    return ""
