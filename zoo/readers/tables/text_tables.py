"""Reader of text tables: .csv and .tsv with a header line, .smi with a SMILES and an optional name per line."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from ...base import MAX_REASON, InputError, shorten
from ..files import Options, Row, Wanted, chosen, inner_suffix, not_empty, read_lines
from ..molecules import EXTENDED
from .columns import COLUMNS, Plan

DELIMITERS = ",;\t"
TOO_LONG: list[str] = []  # in place of the cells of a row
WITHOUT_HEADER = (".smi", ".smiles", ".ism")


def count(path: Path) -> int:
    """Return the number of samples in a file."""
    return sum(1 for _ in not_empty(path, islice(_Table(path, Options()), 1, None)))


def read(path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
    """Read the wanted rows and check each of them.

    Raises:
        ValueError: missing or ambiguous column, or not a text file.
        ImportError: canonical SMILES are requested and RDKit is not installed.
    """
    table = _Table(path, options)
    lines = iter(table)
    _, header = next(lines)
    plan = Plan.of(path, header, options, named=table.suffix not in WITHOUT_HEADER)
    column = header.index(plan.column)
    cells_of = (cells[column] for _, cells in _Table(path, options) if len(cells) > column)
    next(cells_of)
    plan.check(cells_of)
    for i, (line, cells) in chosen(not_empty(path, lines), wanted):
        problem = ""
        if cells is TOO_LONG:
            problem = f"a cell is longer than {csv.field_size_limit()} characters"
        elif len(cells) != len(header):
            advice = ": quote cells that contain a comma" if len(cells) > len(header) else ""
            problem = f"it has {len(cells)} cells where the header has {len(header)}{advice}"
        named = dict(zip(header, cells, strict=False))
        yield plan.row(i, f"line {line}", named, problem, commas=table.delimiter != ",")


class _Table:
    """The header, then each record of a file, as the number of its last line and its cells, without blank lines.

    Args:
        path: the file.
        options: options of the user.
    """

    def __init__(self, path: Path, options: Options) -> None:
        self.path, self.options, self.suffix = path, options, inner_suffix(path)
        self.delimiter = "\t" if self.suffix == ".tsv" else ""

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        try:
            yield from self._smi() if self.suffix in WITHOUT_HEADER else self._csv()
        except csv.Error as error:
            advice = "; a quotation mark may be missing" if "limit" in str(error) else ""
            raise InputError(f"{self.path} is not readable: {shorten(error, MAX_REASON)}{advice}") from error

    def _smi(self) -> Iterator[tuple[int, list[str]]]:
        yield 0, [self.options.view or "smiles", "id"]
        first = True
        for line, text in read_lines(self.path):
            match = EXTENDED.fullmatch(text.strip())
            if match is None or text.startswith("#"):
                continue
            value, extension, rest = match.group("smiles", "extension", "rest")
            if not first or value.lower() not in (*COLUMNS["smiles"], "selfies"):
                name = (rest or "").split("\t", 1)[0].strip()
                yield line, [f"{value} {extension}" if extension else value, name]
            first = False

    def _csv(self) -> Iterator[tuple[int, list[str]]]:
        numbered = read_lines(self.path)
        start, first = next(((number, text) for number, text in numbered if text.strip()), (0, ""))
        if not first:
            raise InputError(f"{self.path} is not readable: it is empty")
        self.delimiter = self.delimiter or max(DELIMITERS, key=first.count)
        record: list[str] = []  # the lines of the current record

        def feed() -> Iterator[str]:
            for text in chain([first], (text for _, text in numbered)):
                record.append(text)
                yield text

        lines = csv.reader(feed(), delimiter=self.delimiter)
        end = start - 1
        while True:
            try:
                cells = next(lines)
            except StopIteration:
                return
            except csv.Error as error:
                # A missing quotation mark makes one cell of the rest of the file; others end with their line.
                if "limit" not in str(error) or end < start or "".join(record).count('"') % 2:
                    raise
                cells = TOO_LONG
            if len(record) > 1 and "".join(record).count('"') % 2:
                raise InputError(f"{self.path}: a quotation mark in line {end + 1} is not closed")
            end += len(record)
            record.clear()
            if cells is TOO_LONG:
                yield end, TOO_LONG
            elif any(cell.strip() for cell in cells):
                yield end, [cell.strip() for cell in cells]
