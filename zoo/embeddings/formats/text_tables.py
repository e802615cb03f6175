"""Embeddings in text tables: .csv and .tsv, also compressed, with semicolons and decimal commas."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..._errors import InputError
from ..._text import shorten
from ..content import COMPRESSIONS, Content, Selection, suffix_of
from ..tables import INTEGER, LIST, OTHER, REAL, TEXT, Column, choose_columns

SAMPLE = 200  # rows from which the kind of each column is inferred
DELIMITERS = ",;\t|"
DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+,\d+([eE][-+]?\d+)?\s*")


def read_text_table(path: Path, selection: Selection) -> Content:
    """Read the selected columns of a table with a header line."""
    return choose_columns(TextColumns(path), selection)


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file, decompressing it if its suffix says so."""
    packed = path.suffix.lower()
    if packed == ".xz":
        import lzma

        return lzma.open(path)
    if packed in COMPRESSIONS:
        import pyarrow as pa

        return io.BufferedReader(pa.input_stream(str(path), compression=COMPRESSIONS[packed]))
    return path.open("rb")


class TextColumns:
    """The columns of a text table, see `hyle.zoo.embeddings.tables.Table`; repeated names are allowed."""

    recipe: Mapping[str, Any] = {}
    range_index = None

    def __init__(self, path: Path) -> None:
        self._path = path
        with io.TextIOWrapper(open_bytes(path), "utf-8-sig", newline="") as stream:
            first = next((line for line in stream if line.strip()), "")
            self._delimiter = "\t" if suffix_of(path) == ".tsv" else max(DELIMITERS, key=first.count)
            rows = csv.reader(itertools.chain([first], stream), delimiter=self._delimiter)
            header = next(rows, [])
            sample = list(itertools.islice(rows, SAMPLE))
        if len(header) < 2:
            raise InputError(f"has {len(header)} columns: a header line, a column of ids and features are needed")
        _check_header(header)
        cells = [[row[i] for row in sample if i < len(row) and row[i].strip()] for i in range(len(header))]
        commas = self._delimiter != "," and any(DECIMAL_COMMA.fullmatch(cell) for column in cells for cell in column)
        self._decimal = "," if commas else "."
        self.columns = [Column(name, _kind(column, self._decimal)) for name, column in zip(header, cells, strict=True)]

    def read(self, places: Sequence[int], *, texts: Sequence[int] = ()) -> Mapping[int, Any]:
        """Read columns by place."""
        if not places:
            return {}
        import pyarrow as pa
        import pyarrow.csv as pc

        as_text = {i for i in places if i in texts or self.columns[i].kind not in (INTEGER, REAL)}
        # The places are the names, because a header may repeat a name.
        types = {str(i): pa.string() if i in as_text else pa.float64() for i in places}
        with open_bytes(self._path) as stream:
            table = pc.read_csv(
                stream,
                # No row may be longer than a block; the default fits about 50,000 numbers.
                read_options=pc.ReadOptions(
                    column_names=[str(i) for i in range(len(self.columns))], skip_rows=1, block_size=1 << 24
                ),
                parse_options=pc.ParseOptions(delimiter=self._delimiter, newlines_in_values=True),
                convert_options=pc.ConvertOptions(
                    column_types=types, include_columns=list(types), decimal_point=self._decimal
                ),
            )
        found: dict[int, Any] = {}
        for i in places:
            column = table[str(i)]
            if i not in as_text:
                found[i] = column.to_numpy()
            elif i in texts or self.columns[i].kind != LIST:
                found[i] = column.to_pylist()
            else:
                found[i] = _parsed_lists(column.to_pylist(), self.columns[i].name)
        return found


def _check_header(names: Sequence[str]) -> None:
    try:
        numbers = [float(name) for name in names[1:]]
    except ValueError:
        return
    if numbers != list(range(len(numbers))):
        raise InputError("starts with numbers: add a header line such as `id,0,1,2`")


def _kind(cells: Sequence[str], decimal: str) -> str:
    if not cells:
        return OTHER
    if all(cell.strip().startswith("[") and cell.strip().endswith("]") for cell in cells):
        return LIST
    if all(re.fullmatch(r"\s*[-+]?\d+\s*", cell) for cell in cells):
        return INTEGER
    return REAL if all(_is_number(cell, decimal) for cell in cells) else TEXT


def _is_number(cell: str, decimal: str) -> bool:
    if decimal == "," and "." in cell:
        return False
    try:
        float(cell.replace(decimal, "."))
    except ValueError:
        return False
    return "_" not in cell


def _parsed_lists(cells: Sequence[str], name: str) -> np.ndarray:
    """Parse lists as JSON, Python or NumPy prints them."""
    rows = []
    for row, cell in enumerate(cells, 1):
        text = cell.strip()
        try:
            values = json.loads(text) if "," in text else [float(word) for word in text.strip("[]").split()]
            rows.append(np.array(values, np.float64))
        except (ValueError, TypeError) as error:
            raise InputError(f"column {shorten(name)}: row {row} is not a list of numbers: {shorten(text)}") from error
        if rows[-1].shape != rows[0].shape:
            raise InputError(
                f"column {shorten(name)} has {len(rows[0])} numbers in row 1 but {rows[-1].size} in row {row}"
            )
    return np.stack(rows)


def write_csv(path: Path, content: Content) -> None:
    """Write ids, and features as float64, so that narrower dtypes are restored exactly."""
    import pyarrow as pa
    import pyarrow.csv as pc

    columns = np.asarray(content.embedding, np.float64).T
    data = {"id": pa.array(content.ids, pa.string())} | {str(i): pa.array(c) for i, c in enumerate(columns)}
    if content.energies is not None:
        data["energies"] = pa.array(content.energies)
    pc.write_csv(pa.table(data), path)
