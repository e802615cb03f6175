"""Embeddings in .jsonl and .ndjson files: one JSON object per sample."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..._errors import InputError
from ..._text import shorten
from ..content import Content, Selection
from ..tables import choose_columns
from .arrow_tables import ArrowColumns
from .text_tables import open_bytes


def read_json_lines(path: Path, selection: Selection) -> Content:
    """Read objects with the keys of the first one."""
    import pyarrow as pa
    import pyarrow.json as pj

    with open_bytes(path) as stream:
        first = next((line for line in stream if line.strip()), b"")
    try:
        example = json.loads(first)
    except ValueError as error:
        raise InputError(f"line 1 is not a JSON object: {shorten(first.decode('utf-8', 'replace'))}") from error
    if not isinstance(example, dict):
        raise InputError(f"line 1 is not a JSON object: {shorten(example)}")
    # With explicit types, no text is taken for a date.
    types = {name: kind for name, value in example.items() if (kind := _type(value)) is not None}
    with open_bytes(path) as stream:
        table = pj.read_json(
            stream,
            read_options=pj.ReadOptions(block_size=1 << 26),
            parse_options=pj.ParseOptions(explicit_schema=pa.schema(types), unexpected_field_behavior="ignore"),
        )
    return choose_columns(ArrowColumns(table.schema, table.select), selection)


def _type(value: Any) -> Any:
    import pyarrow as pa

    if isinstance(value, bool):
        return pa.bool_()
    if isinstance(value, list) and value and all(isinstance(v, int | float) for v in value):
        return pa.list_(pa.float64())
    return {str: pa.string(), int: pa.int64(), float: pa.float64()}.get(type(value))
