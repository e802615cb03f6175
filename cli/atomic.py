"""Write a file atomically."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hyle.zoo import output_errors

from .interrupts import INTERRUPTS


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
    with output_errors(path), INTERRUPTS.unwinding():
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
