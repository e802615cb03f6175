"""The header line of a text table: where it ends, its names, and whether it is one."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...base import InputError, shorten
from ..content import is_id_name, suffix_of
from ..tables import INDEX_NAMES, INTEGER, REAL
from .text_cells import is_list, is_missing, is_number
from .text_streams import encoding_error, open_text

DELIMITERS = b",;\t|"
MAX_BYTES = 1 << 28
UNCLOSED = -1  # instead of the end of a record
# White space and line ends before the header; the line with which Excel names the delimiter.
_BLANK = re.compile(rb"(?:[^\S\r\n]*(?:\r\n|\r|\n))*")
_EXCEL = re.compile(rb'"?sep=(.)"?[^\S\r\n]*(?:\r\n|\r|\n)', re.IGNORECASE)
_QUOTED = re.compile(rb'(?:^|(?<=[,;\t|\r\n]))"(?:[^"]|"")*"')
_CELL = re.compile(rb'"((?:[^"]|"")*)"')
_COLUMN = re.compile(r"0|[1-9]\d*")
# Names of ids in a header, which no sample has as its id.
_TITLES = frozenset(("smiles", "selfies", "inchi", "sequence", "formula", "compound", "mol", "cell", "text", "title"))


@dataclass(frozen=True)
class Header:
    """The header line of a text table.

    Args:
        names: the names of the columns, without white space around them.
        delimiter: the character between cells.
        size: the number of bytes up to the first row, of the text that `open_text` returns.
    """

    names: list[str]
    delimiter: str
    size: int


def read_header(path: Path) -> Header:
    """Read the header line, which may span several lines of the file and follow blank ones.

    Raises:
        ValueError: the file is not text, or has no line break.
    """
    tabs = suffix_of(path) == ".tsv"
    size = 1 << 16
    while size <= MAX_BYTES:
        with open_text(path) as stream:
            data = stream.read(size)
        header = _parse(data, tabs, whole=len(data) < size)
        if header is not None:
            return header
        size *= 8
    raise InputError(f"has a header line of more than {MAX_BYTES >> 20} MB: is it a table?")


def _parse(data: bytes, tabs: bool, *, whole: bool) -> Header | None:
    """Return the header; None if more data are needed."""
    start = _end(_BLANK, data, 0)
    excel = _EXCEL.match(data, start)
    if excel:
        start = _end(_BLANK, data, excel.end())
        delimiter = excel[1]
    else:
        delimiter = _delimiter(data, start, tabs, whole=whole)
    cells, end = _cells(data, start, delimiter)
    if end in (len(data), UNCLOSED) and not whole:
        return None
    if end == UNCLOSED:
        raise InputError("has a quotation mark in its header line that is never closed")
    try:
        return Header([cell.decode().strip() for cell in cells], delimiter.decode(), end)
    except UnicodeDecodeError as error:
        raise encoding_error("the header line") from error


def _delimiter(data: bytes, start: int, tabs: bool, *, whole: bool) -> bytes:
    """Return the most frequent delimiter of the first line that splits the next record into as many cells."""
    line = re.match(rb"[^\r\n]*", _QUOTED.sub(b"", data[start:]))
    counts = {bytes([mark]): line[0].count(bytes([mark])) if line else 0 for mark in DELIMITERS}
    if tabs and counts[b"\t"]:
        return b"\t"
    ordered = sorted(counts, key=lambda mark: -counts[mark])
    for mark in ordered:
        cells, end = _cells(data, start, mark)
        if not counts[mark] or end == UNCLOSED:
            continue
        following, end = _cells(data, _end(_BLANK, data, end), mark)
        if len(following) == len(cells) or (end == len(data) and not whole):  # the record may go on
            return mark
    return ordered[0]


def _end(pattern: re.Pattern[bytes], data: bytes, start: int) -> int:
    match = pattern.match(data, start)
    return match.end() if match else start


def _cells(data: bytes, position: int, delimiter: bytes) -> tuple[list[bytes], int]:
    """Return the cells of one record, and the place after its line end, or `UNCLOSED`.

    A quoted cell may contain line ends.
    """
    stop = re.compile(b"[\r\n" + re.escape(delimiter) + b"]")
    cells: list[bytes] = []
    while position < len(data):
        cell = b""
        quoted = _CELL.match(data, position)
        if quoted:
            cell, position = quoted[1].replace(b'""', b'"'), quoted.end()
        elif data[position : position + 1] == b'"':
            return cells, UNCLOSED
        end = stop.search(data, position)
        cells.append(cell + data[position : end.start() if end else len(data)])
        if end is None:
            return cells, len(data)
        position = end.end()
        if end[0] != delimiter:
            return cells, position + (end[0] == b"\r" and data[position : position + 1] == b"\n")
    return [*cells, b""] if cells else cells, position


def check_header(header: Header, columns: Sequence[Sequence[str]], kinds: Sequence[str], decimal: str) -> None:
    """Check that the first line is a header, not the first sample.

    Args:
        header: the first line.
        columns: some of the cells of each column below it.
        kinds: of the columns.
        decimal: the decimal mark.

    Raises:
        ValueError: it is the first sample, or may be.
    """
    names = header.names
    texts = [i for i, name in enumerate(names) if not is_number(name, decimal)]
    titled = is_id_name(names[0]) or names[0] in INDEX_NAMES
    titled = titled or any(is_id_name(names[i]) or names[i].lower() in _TITLES for i in texts)
    above_numbers = any(kinds[i] in (INTEGER, REAL) and not is_missing(names[i]) for i in texts)
    if titled or (above_numbers and not any(map(is_list, names))):
        return
    numbers = [i for i in range(len(names)) if i not in set(texts)]
    are_names = _are_names(names, numbers, columns, kinds) if numbers else True
    if any(map(is_list, names)):
        are_names = False
    if are_names:
        return
    more = ["..."] if len(names) > 4 else []
    example = header.delimiter.join(["id", *map(str, range(min(len(names) - 1, 3))), *more])
    shown = shorten(header.delimiter.join(names))
    if are_names is None:
        first = "call the first column id" if texts else "let them begin with a letter, such as f0"
        raise InputError(
            f"may have no header line: its first line is {shown}; if these are names, {first}; if not, add a header "
            f"line such as {example}"
        )
    raise InputError(f"has no header line: add one such as {example}; its first line is {shown}")


def _are_names(
    names: Sequence[str], numbers: Sequence[int], columns: Sequence[Sequence[str]], kinds: Sequence[str]
) -> bool | None:
    """Return whether the numbers in a first line without a usual name of ids are names of columns; None if unclear."""
    # Ids are text, or whole numbers in the first column.
    ids = [i for i in range(len(names)) if i not in set(numbers)] or ([0] if names[0].isdecimal() else [])
    if any(_continues(names[i], columns[i]) for i in ids):
        return False
    values = [names[i] for i in numbers]
    if not all(map(_COLUMN.fullmatch, values)):
        # Such as the wave lengths of spectra.
        return len(values) >= 8 and _ascend([float(value.replace(",", ".")) for value in values])
    whole = [int(value) for value in values]
    if not _ascend(whole):
        return False
    # Of one kind with the rows below, a few numbers may be the first of them.
    counted = whole[0] in (0, 1) and whole[-1] - whole[0] == len(whole) - 1
    enough = 4 if counted else 8
    return True if len(whole) >= enough or any(kinds[i] != INTEGER for i in numbers) else None


def _ascend(values: Sequence[float]) -> bool:
    return all(a < b for a, b in itertools.pairwise(values))


def _continues(name: str, cells: Sequence[str]) -> bool:
    """Return whether the cells of a column look like its first one: m1 and m2 after m0, or 1 and 2 after 0."""
    if not name.isdecimal():
        pattern = re.sub(r"\d+", "0", name)
        return 2 * sum(re.sub(r"\d+", "0", cell) == pattern for cell in cells) > len(cells)
    return len(cells) > 1 and list(cells) == [str(int(name) + i) for i in range(1, len(cells) + 1)]
