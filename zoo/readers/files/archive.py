"""Members of .zip and .tar archives as separate files."""

from __future__ import annotations

import shutil
import stat
import tarfile
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from lzma import LZMAError
from pathlib import Path, PurePath
from typing import Any

from ...base import MAX_REASON, InputError, shorten
from .reader import Reader
from .row import Options, Row, Wanted
from .unpacked import renamed_errors

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
# KeyError is of a hard link to a member that is not in the archive.
_ERRORS = (
    EOFError,
    KeyError,
    OSError,
    RuntimeError,
    ValueError,
    zlib.error,
    LZMAError,
    zipfile.BadZipFile,
    tarfile.TarError,
)


def is_archive(path: PurePath) -> bool:
    """Return whether a file is an archive by its name."""
    return path.name.lower().endswith(ARCHIVES)


def archive_stem(name: str) -> str:
    """Return the name of a file without the suffix of an archive."""
    return next((name[: -len(suffix)] for suffix in ARCHIVES if name.lower().endswith(suffix)), name)


class Archive:
    """The files of an archive, unpacked into a temporary folder that is deleted with this object.

    Args:
        path: the archive.

    Attributes:
        members: path in the archive -> unpacked file, or the reason why it cannot be unpacked, sorted by path. Of
            several members with one path the last counts, as when an archive is unpacked.
        skipped: paths of links to other members, and of members that were replaced by later ones -> what they are.

    Raises:
        ValueError: not an archive.
    """

    def __init__(self, path: Path) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="hyle-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        files: dict[str, Path | InputError] = {}
        self.skipped: dict[str, str] = {}
        number = 0
        try:
            for number, (name, size, opened) in enumerate(_members(path), 1):
                key = "/".join(_parts(name))
                if opened is None:
                    self.skipped[key] = "link"
                    continue
                if key in files:
                    self.skipped[key] = "member replaced by a later one of its name"
                files[key] = self._unpacked(path, name, size, opened, number)
        except _ERRORS as error:
            if not files:
                raise _unreadable(path, error) from error
            # The rest of a compressed stream is lost.
            files[f"after member {number}"] = _unreadable(path, error)
        self.members = dict(sorted(files.items()))

    def _unpacked(self, path: Path, name: str, size: int, opened: Callable[[], Any], number: int) -> Path | InputError:
        # In a folder for each, because names of members may be equal.
        target = self._folder / str(number) / _parts(name)[-1]
        target.parent.mkdir()
        try:
            free = shutil.disk_usage(self._folder).free
            if size > free:
                raise InputError(f"{shorten(name)} has {size} bytes, but {self._folder.parent} has {free} left")
            with opened() as stream, target.open("wb") as copy:
                shutil.copyfileobj(stream, copy)
        except _ERRORS as error:
            return _unreadable(path / name, error)
        return target


class Member:
    """The reader of a member of an archive.

    Args:
        archive: the archive.
        file: the unpacked member.
        reader: its reader.
    """

    def __init__(self, archive: Archive, file: Path, reader: Reader) -> None:
        self._archive, self._file, self._reader = archive, file, reader  # the files live as long as the archive

    def count(self, path: Path) -> int:
        """Return the number of samples in a member."""
        with renamed_errors(self._file, path):
            return self._reader.count(self._file)

    def read(self, path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
        """Read the wanted samples."""
        with renamed_errors(self._file, path):
            yield from self._reader.read(self._file, wanted, options)


class Unreadable:
    """The reader of a file that is known to be unreadable.

    Args:
        error: why it is.
    """

    def __init__(self, error: InputError) -> None:
        self._error = error

    def count(self, path: Path) -> int:
        """Raise the error."""
        raise self._error

    def read(self, path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
        """Raise the error."""
        raise self._error


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(f"{path} is not readable: {shorten(error, MAX_REASON) or type(error).__name__}")


def _members(path: Path) -> Iterator[tuple[str, int, Callable[[], Any] | None]]:
    """Yield the path and size of each file, and a function that opens it, or None if it is a symbolic link."""
    if path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if not info.is_dir() and _is_visible(info.filename):
                    is_link = stat.S_ISLNK(info.external_attr >> 16)
                    yield info.filename, info.file_size, None if is_link else partial(archive.open, info)
        return
    with tarfile.open(path) as tar:
        for member in tar:
            if not _is_visible(member.name):
                continue
            if member.isfile() or member.islnk():  # of a hard link, the file to which it is one
                yield member.name, member.size, partial(tar.extractfile, member)
            elif member.issym():
                yield member.name, 0, None


def _is_visible(name: str) -> bool:
    # Archives of macOS contain a second file with the attributes of each.
    parts = _parts(name)
    return bool(parts) and not parts[-1].startswith(".") and "__MACOSX" not in parts


def _parts(name: str) -> list[str]:
    return [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
