"""Lines of text files in the encodings that are in use."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from ...base import InputError
from .compressed import open_binary

T = TypeVar("T")
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number and the text of each line, with its line end as a newline.

    The text is UTF-8, or UTF-16 if the file begins with its byte order mark; a compressed file is decompressed.

    Raises:
        ValueError: unreadable, or not a text file.
    """
    with open_binary(path) as stream:
        first = stream.peek(3)[:3]  # type: ignore[attr-defined]
        encoding = next((name for mark, name in _MARKS.items() if first.startswith(mark)), "utf-8")
        try:
            for number, line in enumerate(io.TextIOWrapper(stream, encoding=encoding), 1):
                if "\0" in line:
                    raise InputError(f"{path} is not UTF-8 text: line {number} contains a NUL character")
                yield number, line
        except UnicodeError as error:
            raise InputError(f"{path} is not UTF-8 text: convert it to UTF-8") from error


def not_empty(path: Path, records: Iterable[T]) -> Iterator[T]:
    """Yield the records of a file.

    Raises:
        ValueError: there are none; an empty file in a folder would not be noticed otherwise.
    """
    record = None
    for record in records:
        yield record
    if record is None:
        raise InputError(f"{path} contains no samples")
