"""Reader of ASE databases: .db with ASE, .aselmdb (OMat24, sAlex, OMol25) with lmdb and ASE's JSON decoder."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .._errors import InputError, MissingPackageError
from .._text import MAX_REASON, shorten
from ._atoms import atoms_row, need_ase
from ._row import Options, Row, Wanted, indices


def count(path: Path) -> int:
    """Return the number of rows in a file."""
    with _open(path) as rows:
        return len(rows)


def read(path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
    """Read only the wanted rows.

    Raises:
        ImportError: ase is not installed, or lmdb for .aselmdb.
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
                yield Row(i, where, problem=f"not readable: {error or type(error).__name__}")
            else:
                facts = {**data, **row.key_value_pairs}
                if row.get("charge") is not None:
                    facts.setdefault("charge", row.charge)
                yield atoms_row(i, where, atoms, facts, options)


class _Sqlite:
    """An ASE database in SQLite."""

    def __init__(self, path: Path) -> None:
        from ase.db import connect

        self._database = connect(path, type="db")
        self.ids: Sequence[int] = [row.id for row in self._database.select(columns=["id"], include_data=False)]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, i: int) -> Any:
        return self._database.get(id=self.ids[i])

    def close(self) -> None:
        """Return without action, because ASE reopens the file for each query."""


class _Lmdb:
    """An ASE database in LMDB: row id -> JSON, compressed with zlib; ``nextid`` and ``deleted_ids`` define the ids."""

    def __init__(self, path: Path) -> None:
        try:
            import lmdb
        except ImportError as error:
            raise MissingPackageError(f"{path}: reading .aselmdb needs lmdb: pip install lmdb") from error
        self._environment = lmdb.open(str(path), subdir=False, readonly=True, lock=False, readahead=False, max_dbs=0)
        deleted = set(self._get("deleted_ids") or ())
        end = self._get("nextid") or 1
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

        with self._environment.begin() as transaction:
            compressed = transaction.get(key.encode("ascii"))
        return None if compressed is None else decode(zlib.decompress(compressed).decode())

    def close(self) -> None:
        self._environment.close()


@contextmanager
def _open(path: Path) -> Iterator[_Sqlite | _Lmdb]:
    need_ase(path)
    try:
        rows = _Lmdb(path) if path.suffix.lower() == ".aselmdb" else _Sqlite(path)
    except ImportError:
        raise
    # The errors of lmdb and SQLite have no common base class.
    except Exception as error:
        raise InputError(f"{path} is not readable as an ASE database: {shorten(error, MAX_REASON)}") from error
    try:
        yield rows
    finally:
        rows.close()
