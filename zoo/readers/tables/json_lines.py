"""Reader of tables in JSON Lines, with one object per line, by the rules of tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from ...base import InputError
from ..files import Options, Row, Wanted, chosen, read_lines
from .columns import Plan

PEEK = 100  # objects


def count(path: Path) -> int:
    """Return the number of samples in a file."""
    return sum(1 for _, line in read_lines(path) if line.strip())


def read(path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
    """Read the wanted rows; the keys of the first objects are the columns.

    Raises:
        ValueError: missing or ambiguous column, or not JSON Lines.
        ImportError: canonical SMILES are requested and RDKit is not installed.
    """
    first = list(islice(_objects(path), PEEK))
    if not first or first[0][2]:
        raise InputError(f"{path} is not JSON Lines: {'line 1 is not an object' if first else 'it is empty'}")
    plan = Plan.of(path, list(dict.fromkeys(key for _, values, _ in first for key in values)), options)
    plan.check(values.get(plan.column) for _, values, _ in _objects(path))
    for i, (line, values, problem) in chosen(_objects(path), wanted):
        yield plan.row(i, f"line {line}", values, problem)


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any], str]]:
    """Yield the line number and the object of each line that is not blank, and why it is none."""
    for number, line in read_lines(path):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        yield (number, value, "") if isinstance(value, dict) else (number, {}, "it is not a JSON object")
