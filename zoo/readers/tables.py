"""Tables of text: .csv and .tsv with a header line, .smi with a string and perhaps a name in each line."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from .._errors import InputError
from ._row import NUMBERS, Options, Row, Wanted, canonical_smiles, chosen, need_rdkit, numbers, open_text

# The names, in small letters, by which a column is found that nobody named.
COLUMNS = {
    "smiles": ("smiles", "canonical_smiles", "isomeric_smiles", "smi"),
    "selfies": ("selfies",),
    "sequence": ("sequence", "seq", "protein_sequence", "amino_acid_sequence"),
}
ID_COLUMNS = ("id", "ids")
DELIMITERS = ",;\t"


def count(path: Path) -> int:
    """Return how many samples a file holds."""
    return sum(1 for _ in _lines(path)) - 1


def read(path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
    """Read the wanted rows, checked one by one.

    Raises:
        ValueError: a column that is missing or cannot be told, or not text.
        ImportError: canonical SMILES without RDKit.
    """
    lines = _lines(path)
    _, header = next(lines)
    plan = Plan.of(path, header, options)
    for i, (line, cells) in chosen(lines, wanted):
        problem = ""
        if len(cells) != len(header):
            problem = f"it has {len(cells)} cells where the header has {len(header)}: quote cells with a comma in them"
        yield plan.row(i, f"line {line}", dict(zip(header, cells, strict=False)), problem)


class Plan:
    """Which column of a table is what."""

    def __init__(self, view: str, column: str, id_column: str, options: Options) -> None:
        self.view, self.column, self.id_column, self.options = view, column, id_column, options

    @classmethod
    def of(cls, path: Path, header: Sequence[str], options: Options) -> Plan:
        """Find the columns.

        Raises:
            ValueError: one that is missing, named twice or cannot be told; says what there is.
            ImportError: canonical SMILES without RDKit.
        """
        column = options.column or _find(path, header, options.view)
        view = options.view or next((v for v, names in COLUMNS.items() if column.lower() in names), "")
        id_column = options.id_column or next((name for name in header if name.lower() in ID_COLUMNS), NUMBERS)
        has = f"it has: {', '.join(name or '(no name)' for name in header)}"
        for name in (column, *options.labels, *([] if id_column == NUMBERS else [id_column])):
            if header.count(name) != 1:
                raise InputError(
                    f"{path}: {'two columns are' if name in header else 'no column is'} called {name!r}; {has}"
                )
        if not view:
            raise InputError(f"{path}: what is in column {column!r}? say --view smiles, selfies or sequence")
        if view == "smiles" and options.canonical:
            need_rdkit(path)
        return cls(view, column, id_column, options)

    def row(self, index: int, where: str, cells: Mapping[str, object], problem: str = "") -> Row:
        """Check one row."""
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
    """Return amino acids in capital letters, without the sign of a stop at the end.

    Raises:
        ValueError: something else than letters, or nothing.
    """
    sequence = text.upper().removesuffix("*")
    if not sequence:
        raise InputError("the sequence is empty")
    strange = sorted({letter for letter in sequence if not ("A" <= letter <= "Z")})
    if "-" in strange:
        raise InputError("the sequence has gaps (-): take them out of an alignment first")
    if strange:
        raise InputError(f"the sequence holds {' '.join(map(repr, strange[:5]))}, which is no amino acid")
    return sequence


def _find(path: Path, header: Sequence[str], view: str) -> str:
    wanted = [name for v, names in COLUMNS.items() if view in ("", v) for name in names]
    found = [name for name in header if name.lower() in wanted]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"{path}: choose one of the columns {', '.join(found)} with --column")
    has = ", ".join(name or "(no name)" for name in header)
    raise InputError(
        f"{path}: no column is called {' or '.join(wanted)}, and --column names none; its header line has: {has}"
    )


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the header, then each record: the line where it ends, and its cells. Blank lines are none."""
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    try:
        with open_text(path) as stream:
            yield from _smi(stream) if suffix == ".smi" else _csv(stream, "\t" if suffix == ".tsv" else "")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: write it anew as such") from error
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
