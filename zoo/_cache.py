"""What hyle keeps between runs: where, its hashes, and one writer at a time."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_dir() -> Path:
    """Return the folder of downloads: ``HYLE_CACHE`` where it is set, else the platform's cache folder."""
    own = os.environ.get("HYLE_CACHE")
    if own:
        return Path(own).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("hyle"))


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def locked(path: Path, busy: Callable[[], None]) -> Iterator[None]:
    """Hold the lock file at ``path``, across processes and threads; the system frees it when its holder dies.

    Args:
        path: the lock file; made where it is missing, and left there, because removing it would let two in.
            It names the process that has or had it.
        busy: called when another holder has it; raises to give up, or returns to wait.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            busy()
            fcntl.flock(stream, fcntl.LOCK_EX)
        stream.truncate(0)
        stream.write(str(os.getpid()))
        stream.flush()
        yield


def folder_digest(folder: Path) -> str:
    """SHA-256 of all files of a folder, by name and content."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{file_sha256(path)}\n".encode())
    return digest.hexdigest()
