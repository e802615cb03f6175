"""Reader of text tables: .csv and .tsv with a header line, .smi with a SMILES and an optional name per line."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from .._errors import InputError
from .._text import shorten_names
from ._row import NUMBERS, Options, Row, Wanted, canonical_smiles, chosen, need_rdkit, numbers, open_text

# Lower-case names by which a column is recognised if the user does not select one.
COLUMNS = {
    "smiles": ("smiles", "canonical_smiles", "isomeric_smiles", "smi"),
    "selfies": ("selfies",),
    "sequence": ("sequence", "seq", "protein_sequence", "amino_acid_sequence"),
}
ID_COLUMNS = ("id", "ids")
DELIMITERS = ",;\t"


def count(path: Path) -> int:
    """Return the number of samples in a file."""
    return sum(1 for _ in _lines(path)) - 1


def read(path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
    """Read the wanted rows and check each of them.

    Raises:
        ValueError: missing or ambiguous column, or not a text file.
        ImportError: canonical SMILES are requested and RDKit is not installed.
    """
    lines = _lines(path)
    _, header = next(lines)
    plan = Plan.of(path, header, options)
    for i, (line, cells) in chosen(lines, wanted):
        problem = ""
        if len(cells) != len(header):
            problem = f"it has {len(cells)} cells where the header has {len(header)}: quote cells that contain a comma"
        yield plan.row(i, f"line {line}", dict(zip(header, cells, strict=False)), problem)


class Plan:
    """The roles of the columns of a table."""

    def __init__(self, view: str, column: str, id_column: str, options: Options) -> None:
        self.view, self.column, self.id_column, self.options = view, column, id_column, options

    @classmethod
    def of(cls, path: Path, header: Sequence[str], options: Options) -> Plan:
        """Find the columns.

        Raises:
            ValueError: missing, duplicated or ambiguous column; the message lists the columns.
            ImportError: canonical SMILES are requested and RDKit is not installed.
        """
        column = options.column or _find(path, header, options.view)
        view = options.view or next((v for v, names in COLUMNS.items() if column.lower() in names), "")
        id_column = options.id_column or next((name for name in header if name.lower() in ID_COLUMNS), NUMBERS)
        has = f"it has: {_shown(header)}"
        for name in (column, *options.labels, *([] if id_column == NUMBERS else [id_column])):
            if header.count(name) != 1:
                raise InputError(
                    f"{path}: {'two columns are' if name in header else 'no column is'} called {name!r}; {has}"
                )
        if not view:
            raise InputError(
                f"{path}: the content of column {column!r} is unknown: pass --view smiles, selfies or sequence"
            )
        if view == "smiles" and options.canonical:
            need_rdkit(path)
        return cls(view, column, id_column, options)

    def row(self, index: int, where: str, cells: Mapping[str, object], problem: str = "") -> Row:
        """Check a row and convert it."""
        id_ = "" if self.id_column == NUMBERS else _text(cells.get(self.id_column))
        try:
            if problem:
                raise InputError(problem)
            value = _text(cells.get(self.column))
            if not value:
                raise InputError(f"the cell of {self.column} is empty")
            if self.view == "sequence":
                value = checked_sequence(value)
            elif self.view == "smiles" and self.options.canonical:
                value = canonical_smiles(value)
            labels = numbers(cells, self.options.labels)
            return Row(index, where, id_, {self.view: value}, labels, column=self.column)
        except ValueError as error:
            return Row(index, where, id_, problem=str(error), column=self.column)


def checked_sequence(text: str) -> str:
    """Return the sequence in capital letters, without a stop sign (*) at the end.

    Raises:
        ValueError: the sequence is empty or contains anything but letters.
    """
    sequence = text.upper().removesuffix("*")
    if not sequence:
        raise InputError("the sequence is empty")
    invalid = sorted({letter for letter in sequence if not ("A" <= letter <= "Z")})
    if "-" in invalid:
        raise InputError("the sequence has gaps (-): remove the gaps of an alignment first")
    if invalid:
        raise InputError(f"the sequence contains {' '.join(map(repr, invalid[:5]))}, which is not an amino acid")
    return sequence


def _find(path: Path, header: Sequence[str], view: str) -> str:
    recognised = [name for v, names in COLUMNS.items() if view in ("", v) for name in names]
    matches = [name for name in header if name.lower() in recognised]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise InputError(f"{path}: choose one of the columns {', '.join(matches)} with --column")
    raise InputError(
        f"{path}: no column is called {' or '.join(recognised)}, and --column is not set; "
        f"its header line has: {_shown(header)}"
    )


def _shown(header: Sequence[str]) -> str:
    return shorten_names(name or "(no name)" for name in header)


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the header, then each record, as the number of its last line and its cells. Blank lines are skipped."""
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    try:
        with open_text(path) as stream:
            yield from _smi(stream) if suffix == ".smi" else _csv(stream, "\t" if suffix == ".tsv" else "")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: convert it to UTF-8") from error
    except (csv.Error, EOFError, OSError, zlib.error) as error:
        raise InputError(f"{path} is not readable: {error}") from error


def _smi(stream: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
    yield 0, ["smiles", "id"]
    for line, text in enumerate(stream, 1):
        cells = [*text.split(None, 1), ""][:2]
        if text.strip() and not (line == 1 and cells[0].lower() in COLUMNS["smiles"]):
            yield line, [cell.strip() for cell in cells]


def _csv(stream: Iterator[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    first = next((text for text in stream if text.strip()), None)
    if first is None:
        raise EOFError("it is empty")
    lines = csv.reader(chain([first], stream), delimiter=delimiter or max(DELIMITERS, key=first.count))
    for cells in lines:
        if any(cell.strip() for cell in cells):
            yield lines.line_num, [cell.strip() for cell in cells]
