"""The cache folder, hashes of files, lock files and atomic writes."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_dir() -> Path:
    """Return the cache folder: ``HYLE_CACHE`` if it is set, else the platform's cache folder for hyle."""
    folder = os.environ.get("HYLE_CACHE")
    if folder:
        return Path(folder).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("hyle"))


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def locked(path: Path, busy: Callable[[], None]) -> Iterator[None]:
    """Hold an exclusive lock on the file ``path``, across processes and threads.

    The operating system releases the lock when its holder dies.

    Args:
        path: the lock file. It is created if it is missing and contains the id of its last holder. It is never
            deleted: a process that waits on the deleted file and one that creates a new file would both get the lock.
        busy: called when another process or thread holds the lock; raises to give up, or returns to wait.
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


@contextmanager
def replace_atomically(path: Path, *, temporary: Path | None = None) -> Iterator[Path]:
    """Yield a temporary path next to ``path``, and rename what was written there to ``path`` when the block ends.

    Readers never see a partial file or folder. If the block raises, ``path`` keeps its old content and the temporary
    file or folder is deleted.

    Args:
        path: a file or a folder, replaced if it exists; its parent folder must exist.
        temporary: in the same folder as ``path``; by default a hidden name, unique to this call, with the suffix of
            ``path``. Under a lock, a fixed name lets the next call overwrite what a killed process left.
    """
    if temporary is None:
        temporary = path.with_name(f".{path.stem}.{os.getpid()}.{os.urandom(4).hex()}{path.suffix}")
    try:
        yield temporary
        if path.is_dir():
            # A rename cannot replace a folder that is not empty.
            old = temporary.with_suffix(".old")
            path.rename(old)
            temporary.rename(path)
            shutil.rmtree(old)
        else:
            temporary.replace(path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def folder_digest(folder: Path) -> str:
    """Return the SHA-256, in hexadecimal, of the relative paths and contents of all files in a folder."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{file_sha256(path)}\n".encode())
    return digest.hexdigest()
