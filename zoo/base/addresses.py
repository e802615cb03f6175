"""Addresses of remote stores, and the check that a path is none."""

from __future__ import annotations

import os
import re

from .errors import InputError

# A path with one slash is what pathlib makes of an address. A single letter is a drive of Windows.
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+")
# Of object stores in which representations can be stored: Amazon S3 and what has its interface, Google, and Azure.
STORE_SCHEMES = ("s3", "gs", "az")


def is_address(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is an address such as ``s3://bucket/file``."""
    return bool(_ADDRESS.match(os.fspath(path)))


def check_local(path: str | os.PathLike[str]) -> None:
    """Raise InputError if a path is an address, which would become a local folder called ``s3:``."""
    if is_address(path):
        raise InputError(f"{os.fspath(path)}: addresses are not supported: use a file or folder on this machine")


def store_address(path: str | os.PathLike[str]) -> str | None:
    """Return the address of a store as ``scheme://bucket/prefix`` without a slash at its end; None for a folder.

    Raises:
        InputError: representations cannot be stored at such an address.
    """
    text = os.fspath(path)
    found = _ADDRESS.match(text)
    if found is None:
        return None
    scheme, rest = found[1].lower(), re.sub("/+", "/", text[found.end() :]).strip("/")
    if scheme not in STORE_SCHEMES:
        known = ", ".join(f"{name}://" for name in STORE_SCHEMES)
        raise InputError(f"{text}: a store is a folder, or an address that begins with one of {known}")
    bucket, _, prefix = rest.partition("/")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", bucket):
        raise InputError(f"{text}: the address of a store is {scheme}://BUCKET or {scheme}://BUCKET/PREFIX")
    if re.search(r"[?#*]|[\x00-\x1f]", prefix) or {".", ".."} & set(prefix.split("/")):
        raise InputError(f"{text}: the prefix in the address of a store has no ?, #, * and no . or .. as a name")
    return f"{scheme}://{rest}"
