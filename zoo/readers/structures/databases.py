"""Reader of ASE databases: .db with ASE, .aselmdb (OMat24, sAlex, OMol25) with ASE's JSON decoder."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from ...base import MAX_REASON, InputError, shorten
from ..files import Options, Row, Wanted, indices
from .atoms import atoms_row, need_ase
from .lmdb_file import LmdbFile


def count(path: Path) -> int:
    """Return the number of rows in a file."""
    with _open(path) as rows:
        return len(rows)


def read(path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
    """Read only the wanted rows.

    Raises:
        ImportError: ase is not installed.
        ValueError: unreadable file.
    """
    with _open(path) as rows:
        for i in indices(len(rows), wanted):
            where = f"row {i + 1} (id {rows.ids[i]})"
            try:
                row = rows[i]
                atoms = row.toatoms()
                data = row.data if isinstance(row.data, dict) else {}
            # ASE raises key, value and type errors for a row that it cannot decode.
            except Exception as error:
                yield Row(i, where, problem=f"not readable: {shorten(error, MAX_REASON) or type(error).__name__}")
            else:
                # ASE's own row.key_value_pairs reads a key such as charge from the property of that name instead.
                facts = {**data, **{key: vars(row)[key] for key in row._keys}}
                yield atoms_row(i, where, atoms, facts, options)


class _Sqlite:
    """An ASE database in SQLite."""

    def __init__(self, path: Path) -> None:
        from ase.db import connect

        # ASE would create its tables in a file without them.
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            if not connection.execute("select name from sqlite_master where name = 'systems'").fetchone():
                raise InputError("it has no table 'systems'")
            self.ids: Sequence[int] = [id_ for (id_,) in connection.execute("select id from systems order by id")]
        self._database = connect(path, type="db")

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, i: int) -> Any:
        return self._database.get(id=self.ids[i])

    def close(self) -> None:
        """Return without action, because ASE reopens the file for each query."""


class _Lmdb:
    """An ASE database in LMDB: row id -> JSON, compressed with zlib; ``nextid`` and ``deleted_ids`` define the ids."""

    def __init__(self, path: Path) -> None:
        self._file = LmdbFile(path)
        try:
            deleted = set(self._get("deleted_ids") or ())
            end = int(self._get("nextid") or 1)
            if not 0 < end <= path.stat().st_size:  # each row has more than a byte
                raise InputError(f"it states {end - 1} rows, more than fit in it: the file is damaged")
        except Exception:
            self.close()
            raise
        self.ids: Sequence[int] = [i for i in range(1, end) if i not in deleted] if deleted else range(1, end)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, i: int) -> Any:
        from ase.db.row import AtomsRow

        data = self._get(str(self.ids[i]))
        if data is None:
            raise KeyError("the row is missing")
        return AtomsRow(data | {"id": self.ids[i]})

    def _get(self, key: str) -> Any:
        from ase.io.jsonio import decode

        compressed = self._file.get(key.encode("ascii"))
        return None if compressed is None else decode(zlib.decompress(compressed).decode())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@contextmanager
def _open(path: Path) -> Iterator[_Sqlite | _Lmdb]:
    need_ase(path)
    try:
        if path.stat().st_size == 0:
            raise InputError("it is empty")
        rows = _Lmdb(path) if path.suffix.lower() == ".aselmdb" else _Sqlite(path)
    # Damaged files raise different errors: of SQLite, zlib and JSON, and of missing values.
    except Exception as error:
        reason = shorten(error, MAX_REASON) or type(error).__name__
        raise InputError(f"{path} is not readable as an ASE database: {reason}") from error
    try:
        yield rows
    finally:
        rows.close()
