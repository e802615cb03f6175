"""Embeddings in tables of Arrow: .parquet, .feather, .arrow, and data sets of the Hugging Face library on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...base import InputError, shorten, shorten_names
from ..content import Content, Selection
from ..named_arrays import parse_recipe
from ..tables import FROM_0, INTEGER, INTEGERS, LIST, OTHER, REAL, TEXT, Column, RangeIndex, choose_columns

HUGGING_FACE = "dataset_info.json"
END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"


def read_parquet(path: Path, selection: Selection) -> Content:
    """Read the selected columns of a .parquet file."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    return choose_columns(ArrowColumns(file.schema_arrow, lambda names: file.read(columns=names)), selection)


def read_arrow(path: Path, selection: Selection) -> Content:
    """Read the selected columns of a .feather or .arrow file."""
    return choose_columns(_from_table(_open_arrow([path])), selection)


def read_hugging_face(folder: Path, selection: Selection) -> Content:
    """Read a data set that `datasets.Dataset.save_to_disk` wrote."""
    state = json.loads((folder / "state.json").read_text("utf-8"))
    table = _open_arrow([folder / part["filename"] for part in state["_data_files"]])
    if state.get("_indices_files"):
        rows = _open_arrow([folder / part["filename"] for part in state["_indices_files"]])
        table = table.take(rows.column(0).combine_chunks())
    return choose_columns(_from_table(table), selection)


def read_parquet_folder(paths: Sequence[Path], selection: Selection) -> Content:
    """Read the parts of one table, each with its own index, in the order of their names.

    Raises:
        ValueError: the parts differ in what they contain.
    """
    parts = [read_parquet(path, selection) for path in paths]
    first = parts[0]
    # Only the first part of a table with a plain index counts from 0.
    origin = first.ids_from.removesuffix(FROM_0)
    for path, part in zip(paths, parts, strict=True):
        same = part.features_from == first.features_from and part.ids_from.removesuffix(FROM_0) == origin
        if not same or part.embedding.shape[1:] != first.embedding.shape[1:]:
            raise InputError(
                f"{path.name} and {paths[0].name} are no parts of one table: {part.features_from}, ids from "
                f"{part.ids_from or 'nothing'}, and {first.features_from}, ids from {first.ids_from or 'nothing'}"
            )
    ids = None if first.ids is None else [i for part in parts for i in part.ids]
    row_numbers = first.row_numbers and ids == [str(i) for i in range(len(ids or ()))]
    energies = [part.energies for part in parts]
    return replace(
        first,
        embedding=np.concatenate([part.embedding for part in parts]),
        ids=ids,
        energies=None if any(energy is None for energy in energies) else np.concatenate(energies),
        ids_from=f"{origin}{FROM_0}" if row_numbers else origin,
        row_numbers=row_numbers,
    )


def _open_arrow(paths: Sequence[Path]) -> Any:
    import pyarrow as pa

    tables = []
    for path in paths:
        if not path.is_file():
            raise InputError(f"{path.name} is missing")
        try:
            tables.append(_open_one(path))
        except pa.ArrowInvalid as error:
            raise InputError(f"{path.name} is damaged or not a table of Arrow: {shorten(error, 120)}") from error
    return pa.concat_tables(tables)


def _open_one(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.feather as feather

    with path.open("rb") as file:
        start = file.read(6)
        file.seek(max(0, path.stat().st_size - len(END_OF_STREAM)))
        end = file.read()
    if start == b"ARROW1":
        return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    if start.startswith(b"FEA1"):
        return feather.read_table(path)
    table = pa.ipc.open_stream(pa.memory_map(str(path))).read_all()
    # A stream that is cut between two batches is read without an error.
    if end != END_OF_STREAM:
        raise InputError(f"{path.name} is cut off: it does not end as a stream of Arrow does")
    return table


def _from_table(table: Any) -> ArrowColumns:
    return ArrowColumns(table.schema, table.select)


class ArrowColumns:
    """The columns of an Arrow table, see `hyle.zoo.embeddings.tables.Table`.

    Args:
        schema: of the table.
        select: returns a table with the columns of these names only.
    """

    def __init__(self, schema: Any, select: Any) -> None:
        self._select, self._types = select, list(schema.types)
        metadata = schema.metadata or {}
        self.recipe: Mapping[str, Any] = parse_recipe(metadata.get(b"hyle_recipe", b""))
        index, self.range_index = _pandas_index(metadata.get(b"pandas", b"{}"))
        repeated = [name for name in schema.names if schema.names.count(name) > 1] if len(schema.names) < 1e4 else []
        if repeated:
            raise InputError(f"contains several columns called {shorten(repeated[0])!r}")
        self.columns = [
            Column(name, _kind(kind), name in index) for name, kind in zip(schema.names, self._types, strict=True)
        ]

    def read(self, places: Sequence[int], *, texts: Sequence[int] = ()) -> Mapping[int, Any]:
        """Read columns by place."""
        if not places:
            return {}
        names = [self.columns[i].name for i in places]
        table = self._select(names)
        return {
            i: _texts(table[name], name) if i in texts else _numbers(table[name], name)
            for i, name in zip(places, names, strict=True)
        }


def _pandas_index(text: bytes) -> tuple[set[str], RangeIndex | None]:
    """Return the names of the columns of the index, or the index that is not stored as a column."""
    try:
        entries = json.loads(text).get("index_columns", [])
    except (ValueError, AttributeError):
        return set(), None
    ranges = [
        RangeIndex(str(entry.get("name") or ""), int(entry.get("start", 0)), int(entry.get("step", 1)))
        for entry in entries
        if isinstance(entry, dict) and entry.get("kind") == "range"
    ]
    return {entry for entry in entries if isinstance(entry, str)}, ranges[0] if len(ranges) == 1 else None


def _kind(kind: Any) -> str:
    import pyarrow.types as types

    kind = getattr(kind, "storage_type", kind)
    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return {REAL: LIST, INTEGER: INTEGERS}.get(_kind(kind.value_type), OTHER)
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return TEXT
    if types.is_integer(kind):
        return INTEGER
    return REAL if types.is_floating(kind) else OTHER


def _texts(column: Any, name: str) -> list[Any]:
    import pyarrow.types as types

    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    binary = types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind)
    if not binary and _kind(kind) not in (TEXT, INTEGER):
        raise InputError(
            f"the ids in {shorten(name)} are of type {shorten(column.type)}: save them as text or as integers"
        )
    values = column.to_pylist()
    return [value.decode() if isinstance(value, bytes) else value if value is None else str(value) for value in values]


def _numbers(column: Any, name: str) -> np.ndarray:
    column = column.combine_chunks()
    column = getattr(column, "storage", column)
    if hasattr(column, "num_chunks"):
        column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if _kind(column.type) not in (LIST, INTEGERS):
        return column.to_numpy(zero_copy_only=False)
    return _rows(column, name)


def _rows(column: Any, name: str) -> np.ndarray:
    import pyarrow.compute as pc

    widths = pc.list_value_length(column).to_pylist()
    for row, width in enumerate(widths):
        if width is None:
            raise InputError(f"column {shorten(name)} is empty in row {row + 1}")
        if width != widths[0]:
            raise InputError(f"column {shorten(name)} has {widths[0]} numbers in row 1 but {width} in row {row + 1}")
    return column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)


def splits_of(folder: Path) -> str:
    """Return the names of the parts of a data set that has several, for a message."""
    return shorten_names(sorted(p.name for p in folder.iterdir() if (p / HUGGING_FACE).is_file()))


def write_parquet(path: Path, content: Content) -> None:
    """Write a column ``id`` and a list column ``embedding``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    values = pa.array(np.ascontiguousarray(content.embedding).reshape(-1))
    rows = pa.FixedSizeListArray.from_arrays(values, content.embedding.shape[1])
    data = {"id": pa.array(content.ids, pa.string()), "embedding": rows}
    if content.energies is not None:
        data["energies"] = pa.array(content.energies)
    table = pa.table(data).replace_schema_metadata({"hyle_recipe": json.dumps(content.recipe)})
    pq.write_table(table, path, compression="zstd")
