"""Errors that hyle raises on purpose: the message says what is wrong and what to do; any other error is a bug.

The engine defines its own errors, because neither package imports the other.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Of HDF5, of TensorStore, and of libraries in Rust.
_ERROR_NUMBER = re.compile(r"(?:errno = |os_error_code='|os error )(\d+)")


class HyleError(Exception):
    """Base class of all errors that the zoo and the command line raise on purpose."""


class InputError(HyleError, ValueError):
    """A file, a model or an option that cannot be used."""


class InputTypeError(HyleError, TypeError):
    """An input of an unsupported type."""


class MissingFileError(HyleError, FileNotFoundError):
    """A file that does not exist."""


class MissingPackageError(HyleError, ImportError):
    """A required package that is not installed; the message says how to install it."""


class DownloadError(HyleError, ConnectionError):
    """A file that could not be downloaded."""


class OutputError(HyleError, OSError):
    """A file or a folder that cannot be written."""


class OperationError(HyleError, RuntimeError):
    """A model, an environment or another process that failed."""


def is_on_purpose(error: BaseException) -> bool:
    """Return whether hyle raised an error on purpose: whether it is a `HyleError` of the zoo or of the engine.

    Classes are compared by name, so that the engine need not be imported.
    """
    return any(cls.__name__ == "HyleError" and cls.__module__.startswith("hyle.") for cls in type(error).__mro__)


@contextmanager
def output_errors(path: str | os.PathLike[str], remedy: str = "") -> Iterator[None]:
    """Raise an error of the operating system in the body as an `OutputError` that names the file or folder.

    TensorStore, Orbax and safetensors raise their own kinds of errors if a write fails. They are recognised by the
    number of the error of the operating system, which their messages contain.

    Args:
        path: the file or folder to be written.
        remedy: what the user can do, for the end of the message.

    Raises:
        OutputError: the body failed to write.
    """
    try:
        yield
    except Exception as error:
        reason = _reason(error, Path(path))
        if is_on_purpose(error) or reason is None:
            raise
        raise OutputError(f"cannot write {path}: {reason}" + (f"; {remedy}" if remedy else "")) from error


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
