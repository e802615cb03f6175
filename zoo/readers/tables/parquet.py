"""Reader of tables in Parquet, Feather and Arrow files, by the rules of tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ...base import MAX_REASON, InputError, shorten
from ..files import NUMBERS, Options, Row, Wanted, chosen
from .columns import Plan


def count(path: Path) -> int:
    """Return the number of rows in a file."""
    return _File(path).count()


def read(path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
    """Read the requested columns of the wanted rows, batch by batch."""
    file = _File(path)
    plan = Plan.of(path, file.names, options)
    _check_types(plan, file.schema)
    plan.check(row[plan.column] for row in file.rows([plan.column]))
    columns = [name for name in file.names if name in plan.columns]
    for i, row in chosen(file.rows(columns), wanted):
        yield plan.row(i, f"row {i + 1}", row)


def _check_types(plan: Plan, schema: Any) -> None:
    """Raise InputError if samples are not text, or ids neither text nor integers, whose text is not unique."""
    import pyarrow.types as types

    def kind(name: str) -> Any:
        type_ = schema.field(name).type
        return type_.value_type if types.is_dictionary(type_) else type_

    def is_text(type_: Any) -> bool:
        return any(
            test(type_) for test in (types.is_string, types.is_large_string, types.is_string_view, types.is_null)
        )

    if not is_text(kind(plan.column)):
        raise InputError(f"{plan.path}: column {plan.column!r} is {shorten(kind(plan.column))}, not text")
    if plan.id_column != NUMBERS:
        type_ = kind(plan.id_column)
        if not is_text(type_) and not types.is_integer(type_):
            raise InputError(
                f"{plan.path}: the ids in column {plan.id_column!r} are {shorten(type_)}, neither text nor integers: "
                "write them as text, choose another column with --id-column, or number the samples with --id-column '#'"
            )


class _File:
    """A file of pyarrow.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.path = path
        self.parquet = path.suffix.lower() == ".parquet"
        # pyarrow raises several kinds of errors for damaged files.
        self._errors = (pa.ArrowException, OSError, ValueError, LookupError, TypeError, NotImplementedError)
        try:
            self._file = pq.ParquetFile(path) if self.parquet else None
            self.schema = self._file.schema_arrow if self._file else _arrow(path)[0]
            self.names: list[str] = self.schema.names
        except self._errors as error:
            raise self._unreadable(error) from error

    def count(self) -> int:
        """Return the number of rows."""
        if self._file:
            return int(self._file.metadata.num_rows)
        return sum(batch.num_rows for batch in self._batches([]))

    def rows(self, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Yield the values of some columns, row by row."""
        for batch in self._batches(columns):
            try:
                values = batch.to_pylist()
            except self._errors as error:
                raise self._unreadable(error) from error
            yield from values

    def _batches(self, columns: Sequence[str]) -> Iterator[Any]:
        try:
            if self._file:
                yield from self._file.iter_batches(columns=list(columns))
            else:
                for batch in _arrow(self.path)[1]:
                    batch.validate(full=True)
                    yield batch.select(list(columns))
        except self._errors as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> InputError:
        name = "Parquet" if self.parquet else "an Arrow or Feather file"
        return InputError(f"{self.path} is not readable as {name}: {shorten(error, MAX_REASON)}")


def _arrow(path: Path) -> tuple[Any, Iterator[Any]]:
    """Return the schema and the batches of a file in the file or the stream format of Arrow."""
    import pyarrow as pa

    try:
        file = pa.ipc.open_file(pa.memory_map(str(path)))
    except pa.ArrowInvalid:
        stream = pa.ipc.open_stream(pa.memory_map(str(path)))
        return stream.schema, iter(stream)
    return file.schema, (file.get_batch(i) for i in range(file.num_record_batches))
