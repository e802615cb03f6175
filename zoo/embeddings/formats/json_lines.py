"""Embeddings in .jsonl and .ndjson files: one JSON object per sample."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...base import MAX_REASON, InputError, shorten
from ..content import Content, Selection
from ..tables import INTEGER, INTEGERS, LIST, OTHER, REAL, TEXT, Column, choose_columns
from .text_streams import encoding_error, open_text

SAMPLE = 200  # lines from which the keys and their kinds are inferred


def read_json_lines(path: Path, selection: Selection) -> Content:
    """Read objects; the keys are those of the first lines."""
    table = JsonColumns(path)
    content = choose_columns(table, selection)
    table.check_ids(content.ids)
    return content


class JsonColumns:
    """The keys of JSON lines, see `hyle.zoo.embeddings.tables.Table`."""

    recipe: Mapping[str, Any] = {}
    range_index = None

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wrong_ids: list[tuple[list[Any], str]] = []
        values: dict[str, list[Any]] = {}
        for _, item in itertools.islice(self._items(), SAMPLE):
            for name, value in item.items():
                values.setdefault(name, []).append(value)
        if not values:
            raise InputError("contains no JSON objects")
        self.columns = [Column(name, _kind(each)) for name, each in values.items()]
        lists = {name: [v for value in each if isinstance(value, list) for v in value] for name, each in values.items()}
        self._bits = {name for name, each in lists.items() if any(isinstance(v, bool) for v in each)}

    def read(self, places: Sequence[int], *, texts: Sequence[int] = ()) -> Mapping[int, Any]:
        """Read keys by place."""
        read = {i: self._texts(i) for i in places if i in texts or self.columns[i].kind in (TEXT, OTHER)}
        return read | self._numbers([i for i in places if i not in read])

    def check_ids(self, ids: Any) -> None:
        """Check that every line has an id.

        Raises:
            ValueError: an id is missing, or neither text nor an integer; names the line.
        """
        for values, problem in self._wrong_ids:
            if values == ids:
                raise InputError(problem)

    def _texts(self, place: int) -> list[str | None]:
        """Return texts and integers as text; None for anything else."""
        import pyarrow as pa

        name, kind = self.columns[place].name, self.columns[place].kind
        if kind in (TEXT, INTEGER):
            try:
                column = self._table({name: pa.string() if kind == TEXT else pa.int64()})[name]
            except (pa.ArrowInvalid, UnicodeDecodeError):
                pass  # such as integers and text in turn, or more than 64 bits
            else:
                if not column.null_count:
                    return [str(value) for value in column.to_pylist()]
        values: list[str | None] = []
        problem = ""
        for line, item in self._items():
            value = item.get(name)
            plain = isinstance(value, str | int) and not isinstance(value, bool)
            values.append(str(value) if plain else None)
            if not plain and not problem:
                state = (
                    "has no" if value is None else f"has {shorten(json.dumps(value))}, not text or an integer, as its"
                )
                problem = f"line {line} {state} id (the ids are those of `{shorten(name)}`)"
        if problem:
            self._wrong_ids.append((values, problem))
        return values

    def _numbers(self, places: Sequence[int]) -> dict[int, Any]:
        import pyarrow as pa

        columns = {i: self.columns[i] for i in places}
        types = {
            each.name: pa.float64()
            if each.kind in (INTEGER, REAL)
            else pa.list_(pa.bool_() if each.name in self._bits else pa.float64())
            for each in columns.values()
        }
        try:
            table = self._table(types)
        except (pa.ArrowInvalid, UnicodeDecodeError) as error:
            self._check(list(columns.values()))
            raise InputError(shorten(error, MAX_REASON)) from error
        return {
            i: table[each.name].to_numpy() if each.kind in (INTEGER, REAL) else self._rows(table[each.name], each)
            for i, each in columns.items()
        }

    def _rows(self, lists: Any, column: Column) -> np.ndarray:
        import pyarrow.compute as pc

        widths = np.asarray(pc.list_value_length(lists).to_numpy(), np.float64)
        if not np.all(widths == widths[0]):
            self._check([column])
        parts = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in lists.chunks]
        return np.concatenate(parts).astype(np.float64).reshape(len(lists), int(widths[0]))

    def _table(self, types: Mapping[str, Any]) -> Any:
        """Return the values of some keys as a table of Arrow; those of other keys may be anything."""
        import pyarrow as pa
        import pyarrow.json as pj

        schema = pa.schema(list(types.items()))
        with open_text(self._path) as stream:
            return pj.read_json(
                stream,
                read_options=pj.ReadOptions(block_size=1 << 26),
                parse_options=pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
            )

    def _check(self, columns: Sequence[Column]) -> None:
        """Check the values of some keys.

        Raises:
            ValueError: one of them is not what those in the first lines are; names the line.
        """
        first: dict[str, tuple[int, int]] = {}
        for line, item in self._items():
            for column in columns:
                value, name = item.get(column.name), shorten(column.name)
                if column.kind in (INTEGER, REAL):
                    if value is not None and not _is_number(value):
                        raise InputError(f"line {line}: `{name}` is {shorten(json.dumps(value))}, not a number")
                    continue
                if value is None:
                    raise InputError(f"line {line} has no `{name}`")
                if not _is_list(value):
                    raise InputError(f"line {line}: `{name}` is {shorten(json.dumps(value))}, not a list of numbers")
                width, where = first.setdefault(column.name, (len(value), line))
                if width != len(value):
                    raise InputError(f"`{name}` has {width} numbers in line {where} but {len(value)} in line {line}")

    def _items(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield the number of each line that is not blank, from 1, and its object."""
        with open_text(self._path) as stream:
            for number, line in enumerate(stream, 1):
                if not line.strip():
                    continue
                try:
                    item = json.loads(line, object_pairs_hook=_unique)
                except UnicodeDecodeError as error:
                    raise encoding_error(f"line {number}") from error
                except _RepeatedKeyError as error:
                    raise InputError(f"line {number} has the key {shorten(error)} twice") from error
                except ValueError as error:
                    text = shorten(line.decode("utf-8", "replace"))
                    raise InputError(f"line {number} is not a JSON object: {text}") from error
                if not isinstance(item, dict):
                    raise InputError(f"line {number} is not a JSON object: {shorten(item)}")
                yield number, item


class _RepeatedKeyError(ValueError):
    pass


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    item = dict(pairs)
    if len(item) < len(pairs):
        names = [name for name, _ in pairs]
        raise _RepeatedKeyError(next(name for name in names if names.count(name) > 1))
    return item


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_list(value: Any) -> bool:
    """Return whether a value is a list of numbers, of which some may be null, or of booleans."""
    if not isinstance(value, list):
        return False
    return all(v is None or _is_number(v) for v in value) or all(isinstance(v, bool) for v in value)


def _kind(values: Sequence[Any]) -> str:
    """Return the kind of a column from some of its values."""
    present = [value for value in values if value is not None]
    if present and all(map(_is_list, present)):
        whole = all(isinstance(v, int) for value in present for v in value)
        return INTEGERS if whole else LIST
    if not present or any(isinstance(value, bool) for value in present):
        return OTHER
    if all(map(_is_number, present)):
        return INTEGER if all(isinstance(value, int) for value in present) else REAL
    return TEXT if all(isinstance(value, str | int) for value in present) else OTHER
