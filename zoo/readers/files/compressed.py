"""Compressed files: .gz, .bz2, .xz and .zst, read as streams."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from pathlib import Path, PurePath
from typing import IO, Any

from ...base import MAX_REASON, InputError, shorten

COMPRESSIONS = (".gz", ".bz2", ".xz", ".zst")
BUFFER = 1 << 17  # bytes


def inner_name(path: PurePath) -> str:
    """Return the name of a file without the suffix of its compression."""
    return path.name[: -len(path.suffix)] if path.suffix.lower() in COMPRESSIONS else path.name


def inner_suffix(path: PurePath) -> str:
    """Return the lower-case suffix of a file before that of its compression."""
    return PurePath(inner_name(path)).suffix.lower()


def open_binary(path: Path) -> IO[bytes]:
    """Open a file for reading, decompressed if its suffix says that it is compressed.

    Raises:
        ValueError: the file cannot be opened; reading it raises the same error where it is damaged.
    """
    try:
        return io.BufferedReader(_Stream(path, _opened(path)), BUFFER)
    except OSError as error:
        raise _unreadable(path, error) from error


def open_text(path: Path, *, errors: str = "strict") -> IO[str]:
    """Open a UTF-8 text file, with or without a byte order mark, as `open_binary` does; line ends are not changed."""
    return io.TextIOWrapper(open_binary(path), encoding="utf-8-sig", errors=errors, newline="")


def read_text(path: Path) -> str:
    """Return the text of a file; a text that is not UTF-8 is read as Latin-1, in which many old files are written."""
    with open_binary(path) as stream:
        data = stream.read()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


class _Stream(io.RawIOBase):
    """A stream whose errors name the file."""

    def __init__(self, path: Path, stream: Any) -> None:
        self._path, self._stream = path, stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            return int(self._stream.readinto(buffer))
        except (EOFError, OSError, zlib.error, lzma.LZMAError, ValueError) as error:
            raise _unreadable(self._path, error) from error

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


def _opened(path: Path) -> Any:
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return gzip.open(path)
    if suffix == ".bz2":
        return bz2.open(path)
    if suffix == ".xz":
        return lzma.open(path)
    if suffix == ".zst":
        import pyarrow as pa

        return pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")
    return path.open("rb", buffering=0)


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = getattr(error, "strerror", None) or shorten(error, MAX_REASON) or type(error).__name__
    return InputError(f"{path} is not readable: {reason}")
