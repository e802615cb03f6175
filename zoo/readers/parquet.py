"""Reader of tables in Parquet files, with the rules of `tables`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .._errors import InputError
from .._text import MAX_REASON, shorten
from ._row import Options, Row, Wanted, chosen
from .tables import Plan


def count(path: Path) -> int:
    """Return the number of rows in a file."""
    return int(_open(path).metadata.num_rows)


def read(path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
    """Read the requested columns of the wanted rows, batch by batch."""
    file = _open(path)
    plan = Plan.of(path, file.schema_arrow.names, options)
    columns = [name for name in file.schema_arrow.names if name in (plan.column, plan.id_column, *options.labels)]
    rows = (row for batch in file.iter_batches(columns=columns) for row in batch.to_pylist())
    for i, row in chosen(rows, wanted):
        yield plan.row(i, f"row {i + 1}", row)


def _open(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} is not readable as Parquet: {shorten(error, MAX_REASON)}") from error
