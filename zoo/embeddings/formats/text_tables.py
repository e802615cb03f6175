"""Embeddings in text tables: .csv and .tsv, also compressed, with semicolons and decimal commas."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...base import MAX_REASON, InputError, shorten
from ..content import ID_NAMES, Content, Selection
from ..tables import INTEGER, INTEGERS, LIST, OTHER, REAL, Column, choose_columns
from .text_cells import MISSING, decimal_mark, is_missing, kind_of, parse_lists, parse_numbers
from .text_headers import check_header, read_header
from .text_streams import encoding_error, open_text

SAMPLE = 200  # rows from which the kind of each column is inferred
# No row may be longer than a block; the default fits about 50,000 numbers.
BLOCK = 1 << 24


def read_text_table(path: Path, selection: Selection) -> Content:
    """Read the selected columns of a table with a header line."""
    table = TextColumns(path)
    if not selection.id_column:
        for name in ID_NAMES:
            table.check_single([i for i, column in enumerate(table.columns) if column.name.lower() == name])
    return choose_columns(table, selection)


class TextColumns:
    """The columns of a text table, see `hyle.zoo.embeddings.tables.Table`.

    Names may be repeated, except those of columns that are read.
    """

    recipe: Mapping[str, Any] = {}
    range_index = None

    def __init__(self, path: Path) -> None:
        self._path = path
        self._header = read_header(path)
        names = self._header.names
        if len(names) < 2:
            raise InputError(f"has {len(names)} columns: a header line, a column of ids and features are needed")
        self.columns: list[Column] = [Column(name, OTHER) for name in names]
        self._decimal = "."
        cells = self._sample()
        self._empty = not any(cells)
        self._decimal = decimal_mark(cells, self._header.delimiter)
        kinds = [kind_of(column, self._decimal) for column in cells]
        check_header(self._header, cells, kinds, self._decimal)
        self.columns = [Column(name, kind) for name, kind in zip(names, kinds, strict=True)]
        self._infer_late([i for i, kind in enumerate(kinds) if kind == OTHER])

    def check_single(self, places: Sequence[int]) -> None:
        """Check that columns have different names; those without a name are left to the user.

        Raises:
            ValueError: two of them have the same name.
        """
        names = [name for i in places if (name := self.columns[i].name)]
        repeated = [name for name in names if names.count(name) > 1] if len(set(names)) < len(names) else []
        if repeated:
            raise InputError(f"contains several columns called {shorten(repeated[0])!r}")

    def read(self, places: Sequence[int], *, texts: Sequence[int] = ()) -> Mapping[int, Any]:
        """Read columns by place."""
        wanted = {self.columns[i].name for i in places}
        self.check_single([i for i, column in enumerate(self.columns) if column.name in wanted])
        numbers = [i for i in places if i not in texts and self.columns[i].kind in (INTEGER, REAL)]
        others = [i for i in places if i not in numbers]
        found = {i: column.to_pylist() for i, column in self._texts(others).items()} | self._numbers(numbers)
        for i in others:
            if i not in texts and self.columns[i].kind in (LIST, INTEGERS):
                found[i] = parse_lists(found[i], self.columns[i].name)
        return found

    def _numbers(self, places: Sequence[int]) -> dict[int, Any]:
        import pyarrow as pa

        try:
            table = self._table(dict.fromkeys(places, pa.float64()))
        except pa.ArrowInvalid as error:
            match = re.match(r"In CSV column #(\d+): CSV conversion error", str(error))
            if not match:
                raise self._explained(error) from error
        else:
            return {i: column.to_numpy() for i, column in table.items()}
        # The column with the error first, and one by one, because text takes more memory than numbers.
        ordered = sorted(places, key=lambda i: i != int(match[1]))
        return {
            i: parse_numbers(column.to_pylist(), self.columns[i].name, self._decimal)
            for each in ordered
            for i, column in self._texts([each]).items()
        }

    def _texts(self, places: Sequence[int]) -> dict[int, Any]:
        import pyarrow as pa

        try:
            return self._table(dict.fromkeys(places, pa.string()))
        except pa.ArrowInvalid as error:
            raise self._explained(error) from error

    def _table(self, types: Mapping[int, Any]) -> dict[int, Any]:
        """Return columns by place, each read as a type of Arrow."""
        import pyarrow as pa
        import pyarrow.csv as pc

        if not types or self._empty:
            return {i: pa.array([], kind) for i, kind in types.items()}
        with open_text(self._path) as stream:
            stream.read(self._header.size)
            table = pc.read_csv(stream, *self._options(types))
        return {i: table[str(i)] for i in types}

    def _options(self, types: Mapping[int, Any]) -> tuple[Any, Any, Any]:
        import pyarrow.csv as pc

        # The places are the names, because a header may repeat a name.
        names = [str(i) for i in range(len(self.columns))]
        convert = pc.ConvertOptions(
            column_types={str(i): kind for i, kind in types.items()},
            include_columns=[str(i) for i in types],
            null_values=MISSING,
            decimal_point=self._decimal,
        )
        parse = pc.ParseOptions(delimiter=self._header.delimiter, newlines_in_values=True)
        return pc.ReadOptions(column_names=names, block_size=BLOCK), parse, convert

    def _sample(self) -> list[list[str]]:
        """Return the cells of the first rows by column, without the empty ones."""
        import pyarrow as pa
        import pyarrow.csv as pc

        with open_text(self._path) as stream:
            stream.read(self._header.size)
            if not stream.read(1 << 16).strip():
                return [[] for _ in self.columns]
        with open_text(self._path) as stream:
            stream.read(self._header.size)
            # Bytes, because the encoding of columns that are not read does not matter.
            types = {i: pa.binary() for i in range(len(self.columns))}
            try:
                rows = pc.open_csv(stream, *self._options(types)).read_next_batch().slice(0, SAMPLE)
            except pa.ArrowInvalid as error:
                raise self._explained(error) from error
        return [
            [text for cell in column.to_pylist() if (text := cell.decode("utf-8", "replace")).strip()]
            for column in rows
        ]

    def _infer_late(self, places: Sequence[int]) -> None:
        """Infer the kind of columns without values in the first rows from later ones."""
        import pyarrow as pa

        if not places or self._empty:
            return
        for i, column in self._table(dict.fromkeys(places, pa.binary())).items():
            texts = (cell.decode("utf-8", "replace") for chunk in column.chunks for cell in chunk.to_pylist())
            present = list(itertools.islice((text for text in texts if not is_missing(text)), SAMPLE))
            self.columns[i] = Column(self.columns[i].name, kind_of(present, self._decimal))

    def _explained(self, error: Exception) -> InputError:
        """Return an error of Arrow in words of the file."""
        text = str(error)
        if match := re.match(r"In CSV column #(\d+): .*invalid UTF8", text):
            return encoding_error(f"column {shorten(self.columns[int(match[1])].name)}")
        if match := re.match(r"CSV parse error: Expected (\d+) columns, got (\d+): (.*)", text, re.DOTALL):
            return InputError(f"expected {match[1]} columns, got {match[2]} in this row: {shorten(match[3])}")
        if "straddling object" in text:
            return InputError(f"has a row of more than {BLOCK >> 20} MB, or a quotation mark that is never closed")
        return InputError(shorten(text, MAX_REASON))


def write_csv(path: Path, content: Content) -> None:
    """Write ids, and features as float64, so that narrower dtypes are restored exactly."""
    import pyarrow as pa
    import pyarrow.csv as pc

    columns = np.asarray(content.embedding, np.float64).T
    data = {"id": pa.array(content.ids, pa.string())} | {str(i): pa.array(c) for i, c in enumerate(columns)}
    if content.energies is not None:
        data["energies"] = pa.array(content.energies)
    pc.write_csv(pa.table(data), path)
