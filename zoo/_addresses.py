"""Check that a path is not an address of a remote store."""

from __future__ import annotations

import os
import re

from ._errors import InputError

# A path with one slash is what pathlib makes of an address. A single letter is a drive of Windows.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


def is_address(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is an address such as ``s3://bucket/file``."""
    return bool(_ADDRESS.match(os.fspath(path)))


def check_local(path: str | os.PathLike[str]) -> None:
    """Raise InputError if a path is an address, which would become a local folder called ``s3:``."""
    if is_address(path):
        raise InputError(f"{os.fspath(path)}: addresses are not supported: use a file or folder on this machine")
