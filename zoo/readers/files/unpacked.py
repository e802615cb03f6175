"""Readers of files that are packed: compressed in a way that their reader does not know, or members of an archive."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...base import InputError
from .compressed import inner_name, open_binary
from .reader import Reader
from .row import Options, Row, Wanted


class Unpacked:
    """A reader that works on a decompressed copy of its file, in a temporary folder.

    Args:
        reader: the reader of the copy.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def count(self, path: Path) -> int:
        """Return the number of samples in a file."""
        with _copy(path) as copy, renamed_errors(copy, path):
            return self._reader.count(copy)

    def read(self, path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
        """Read the wanted samples."""
        with _copy(path) as copy, renamed_errors(copy, path):
            yield from self._reader.read(copy, wanted, options)


@contextmanager
def renamed_errors(copy: Path, path: Path) -> Iterator[None]:
    """Let the errors of a reader name the file of the user rather than its copy."""
    try:
        yield
    except InputError as error:
        raise InputError(str(error).replace(str(copy), str(path))) from error


@contextmanager
def _copy(path: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hyle-") as folder:
        copy = Path(folder) / inner_name(path)
        with open_binary(path) as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target)
        yield copy
