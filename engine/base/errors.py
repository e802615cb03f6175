"""Errors that hyle raises deliberately: the message says what is wrong and how to fix it; any other error is a bug."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Of HDF5 and of TensorStore.
_ERROR_NUMBER = re.compile(r"(?:errno = |os_error_code=')(\d+)")


class HyleError(Exception):
    """Base class of all errors that the engine raises deliberately."""


class InputError(HyleError, ValueError):
    """An input or an option with an invalid value."""


class InputTypeError(HyleError, TypeError):
    """An input of an unsupported type."""


class MissingFileError(HyleError, FileNotFoundError):
    """A file that does not exist."""


class MissingPackageError(HyleError, ImportError):
    """A required package that is not installed; the message says how to install it."""


class LostProcessError(HyleError, RuntimeError):
    """Another process of a comparison has ended, or cannot be reached."""


class OutputError(HyleError, OSError):
    """A file or a folder that cannot be written."""


def check_local(path: str | os.PathLike[str]) -> None:
    """Raise InputError if a path is an address such as ``s3://bucket``, which would become a folder called ``s3:``."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", os.fspath(path)):
        raise InputError(f"{os.fspath(path)}: addresses are not supported: use a file or folder on this machine")


@contextmanager
def output_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    """Raise an error of the operating system in the body as an `OutputError` that names the file or folder.

    TensorStore and Orbax raise errors of their own where a write fails. They are recognised by the number of the
    error of the operating system, which their messages contain.

    Raises:
        OutputError: the body failed to write.
    """
    try:
        yield
    except Exception as error:
        reason = _reason(error, Path(path))
        if isinstance(error, HyleError) or reason is None:
            raise
        raise OutputError(f"cannot write {path}: {reason}") from error


def _reason(error: Exception, path: Path) -> str | None:
    """Return why a write failed, or None if the operating system is not the cause."""
    quoted = _ERROR_NUMBER.search(str(error))
    if quoted is None and not isinstance(error, OSError):
        return None
    number = int(quoted[1]) if quoted else getattr(error, "errno", None) or 0
    if number in (errno.ENOTDIR, errno.EEXIST):
        for folder in path.parents:
            if folder.exists() and not folder.is_dir():
                return f"{folder} is a file, not a folder"
    return os.strerror(number) if number in errno.errorcode else str(error).partition("\n")[0] or type(error).__name__
