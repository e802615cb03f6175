"""Write a file atomically."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hyle.zoo import HyleError, OutputError


@contextmanager
def output_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    """Raise an OSError of the body as an `OutputError` that names the file or folder to be written.

    Raises:
        OutputError: the body raised an OSError that is no `HyleError`.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, HyleError):
            raise
        raise OutputError(f"cannot write {path}: {_reason(error, Path(path))}") from error


def _reason(error: OSError, path: Path) -> str:
    # HDF5 has no strerror, but quotes that of the system in its message.
    quoted = re.search(r"error message = '([^']+)'", str(error))
    reason = quoted[1] if quoted else error.strerror or str(error).partition("\n")[0] or type(error).__name__
    blocker = next((folder for folder in path.parents if folder.exists() and not folder.is_dir()), None)
    return reason if blocker is None else f"{blocker} is a file, not a folder"


def write_atomically(path: str | os.PathLike[str], content: bytes) -> Path:
    """Write a file under a temporary name and rename it, so that readers never see a partial file.

    Args:
        path: the file; missing folders are created.
        content: the bytes to write.

    Returns:
        The path of the file.

    Raises:
        OutputError: the file cannot be written.
    """
    path = Path(path)
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
            # mkstemp creates files with mode 0600, and a report is meant to be shared like any other file.
            umask = os.umask(0)
            os.umask(umask)
            Path(temporary).chmod(0o666 & ~umask)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    return path
