"""The cache folder, hashes of files, lock files and atomic writes."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import OutputError

# What a user can do if the cache cannot be written.
CACHE_REMEDY = "set HYLE_CACHE to another folder"


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

    Raises:
        OSError: the lock file or its folder cannot be written.
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


def check_replaceable(path: Path, markers: Collection[str] = ()) -> None:
    """Check that `replace_atomically` may replace what is at ``path``: nothing, a file, or a folder with a marker.

    Args:
        path: the output path.
        markers: names of files that identify a folder of the kind that is written. An empty folder may be replaced as
            well. Without markers, a file is written, and no folder may be replaced.

    Raises:
        OutputError: ``path`` is a folder without a marker, or a file where a folder is written.
    """
    if path.is_dir():
        if not markers:
            raise OutputError(f"cannot write {path}: it is a folder, not a file")
        if any(path.iterdir()) and not any((path / marker).is_file() for marker in markers):
            raise OutputError(
                f"cannot write {path}: it is a folder with other content (it has no {' or '.join(markers)}), and is "
                "not replaced"
            )
    elif markers and path.exists():
        raise OutputError(f"cannot write {path}: it is a file, not a folder")


@contextmanager
def replace_atomically(path: Path, *, temporary: Path | None = None, markers: Collection[str] = ()) -> Iterator[Path]:
    """Yield a temporary path next to ``path``, and rename what was written there to ``path`` when the block ends.

    Readers never see a partial file or folder. If the block raises, ``path`` keeps its old content and the temporary
    file or folder is deleted.

    Args:
        path: a file or a folder, replaced if it exists, within the limits of `check_replaceable`; its parent folder
            must exist.
        temporary: in the same folder as ``path``; by default a hidden name, unique to this call, with the suffix of
            ``path``. Under a lock, a fixed name lets the next call overwrite what a killed process left.
        markers: see `check_replaceable`; required to write a folder.

    Raises:
        OutputError: ``path`` may not be replaced.
    """
    check_replaceable(path, markers)
    if temporary is None:
        temporary = path.with_name(f".{path.stem}.{os.getpid()}.{os.urandom(4).hex()}{path.suffix}")
    try:
        yield temporary
        check_replaceable(path, markers)
        if path.is_dir():
            # A rename cannot replace a folder that is not empty.
            old = temporary.with_suffix(".old")
            path.rename(old)
            try:
                temporary.rename(path)
            except BaseException:
                old.rename(path)
                raise
            _remove(old)
        else:
            temporary.replace(path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def _remove(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()  # the folder that the link points to remains
    else:
        shutil.rmtree(folder)


def folder_digest(folder: Path) -> str:
    """Return the SHA-256, in hexadecimal, of the relative paths and contents of all files in a folder."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{file_sha256(path)}\n".encode())
    return digest.hexdigest()
