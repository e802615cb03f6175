"""What the cells of a text table contain: numbers, lists of numbers, missing values or text."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import numpy as np

from ...base import InputError, shorten
from ..tables import INTEGER, INTEGERS, LIST, OTHER, REAL, TEXT

# How programs write a number that is missing.
MISSING = (
    *("", "NA", "N/A", "n/a", "NaN", "nan", "NAN", "-NaN", "-nan", "null", "NULL", "Null", "None", "none", "NONE"),
    *("<NA>", "#N/A", "#NA", "#N/A N/A", "1.#QNAN", "-1.#QNAN", "1.#IND", "-1.#IND"),
)
_MISSING = frozenset(MISSING)
_INTEGER = re.compile(r"[-+]?\d+")
# Numbers in a list as the repr of NumPy 2 shows them: np.float64(0.5).
_NUMPY = re.compile(r"np\.\w+\(([^()]*)\)")
CUT = "..."  # NumPy prints long arrays without the numbers in the middle
CHECKED_LISTS = 5  # cells from which the kind of a column of lists is inferred


def is_missing(cell: str) -> bool:
    """Return whether a cell stands for a missing number."""
    return cell.strip() in _MISSING


def is_number(cell: str, decimal: str = ".") -> bool:
    """Return whether a cell is a number with this decimal mark."""
    return not is_missing(cell) and _is_number(cell, decimal)


def _is_number(cell: str, decimal: str) -> bool:
    if (decimal == "," and "." in cell) or "_" in cell:
        return False
    try:
        float(cell.replace(decimal, "."))
    except ValueError:
        return False
    return True


def kind_of(cells: Sequence[str], decimal: str) -> str:
    """Return the kind of a column from some of its cells; missing values may be in a column of any kind."""
    present = [cell for cell in map(str.strip, cells) if cell not in _MISSING]
    if not present:
        return OTHER
    if all(_INTEGER.fullmatch(cell) for cell in present):
        return INTEGER
    if all(_is_number(cell, decimal) for cell in present):
        return REAL
    return _list_kind(present)


def is_list(cell: str) -> bool:
    """Return whether a cell is a list of numbers."""
    return kind_of([cell], ".") in (LIST, INTEGERS)


def decimal_mark(columns: Sequence[Sequence[str]], delimiter: str) -> str:
    """Return the decimal mark by which more of the columns are numbers."""
    if delimiter == ",":
        return "."
    counts = {mark: sum(kind_of(cells, mark) in (INTEGER, REAL) for cells in columns) for mark in (".", ",")}
    return "," if counts[","] > counts["."] else "."


def _list_kind(cells: Sequence[str]) -> str:
    if not all(_brackets(cell) for cell in cells):
        return TEXT
    words = [word for cell in cells[:CHECKED_LISTS] for word in _words(cell)]
    numbers = [word for word in words if word != CUT and word not in _MISSING]
    if not numbers or not all(_is_number(word, ".") for word in numbers):
        return TEXT
    return INTEGERS if all(_INTEGER.fullmatch(word) for word in numbers) else LIST


def _brackets(cell: str) -> bool:
    # A number in parentheses is a negative one in accounting.
    return cell[:1] + cell[-1:] == "[]" or (cell[:1] + cell[-1:] == "()" and "," in cell)


def _words(cell: str) -> list[str]:
    inside = _NUMPY.sub(r"\1", cell.strip())[1:-1].strip(" \t\r\n,")
    return re.split(r"\s*,\s*|\s+", inside) if inside else []


def parse_lists(cells: Sequence[str], name: str) -> np.ndarray:
    """Return lists as JSON, Python or NumPy prints them, [n, d].

    Raises:
        ValueError: a cell is no list of numbers, or the lists differ in length; names the row.
    """
    rows: list[np.ndarray] = []
    for row, cell in enumerate(cells, 1):
        try:
            rows.append(_parsed(cell.strip()))
        except (ValueError, TypeError) as error:
            problem = "is empty" if is_missing(cell) else f"is not a list of numbers: {shorten(cell)}"
            if CUT in cell:
                problem = f"was cut when it was printed, and the numbers at ... are lost: {shorten(cell)}"
            raise InputError(f"column {shorten(name)}: row {row} {problem}") from error
        if rows[-1].shape != rows[0].shape:
            raise InputError(
                f"column {shorten(name)} has {len(rows[0])} numbers in row 1 but {rows[-1].size} in row {row}"
            )
    return np.stack(rows)


def _parsed(cell: str) -> np.ndarray:
    if not _brackets(cell):
        raise ValueError
    try:
        values = json.loads(cell)
    except ValueError:
        values = [None if word in _MISSING else float(word) for word in _words(cell)]
    array = np.array(values, np.float64)
    if array.ndim != 1:
        raise ValueError
    return array


def parse_numbers(cells: Sequence[str], name: str, decimal: str) -> np.ndarray:
    """Return the numbers in cells, [n]; NaN where they are missing.

    Raises:
        ValueError: a cell is neither a number nor missing; names the row.
    """
    values = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        if is_missing(cell):
            continue
        if not _is_number(cell, decimal):
            raise InputError(f"column {shorten(name)}: row {row + 1} is not a number: {shorten(cell)}")
        values[row] = float(cell.replace(decimal, "."))
    return values
