"""The folder of one key: its lock, and the representation that is read from it or moved into it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

from ..base import InputError, OperationError, OutputError, Representation, locked, output_errors
from .checkpoint import is_whole, move, read_about, read_arrays, remove, unique_name, write_folder
from .commit_lock import commit_lock
from .errors import damage_of
from .key import Entry, Key
from .protocols import ANY
from .rows import content_of, representation_of, rows_of
from .shards import LocalShards

# What a user can do if the store cannot be written.
REMEDY = "choose another folder with --store"
COMMITTED_DIR, SHARDS, LOCK, COMMIT = "representation", "shards", ".lock", ".commit"
# How the names of staging folders and backups begin.
STAGING, BACKUP = "incoming", "old"
# Errors of a file system without flock.
NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


class Place:
    """The folder of one key in a store.

    Args:
        root: the folder of the store.
        key: key of the representation.
    """

    def __init__(self, root: Path, key: Key) -> None:
        self.root, self.key, self.folder = root, key, root / key.folder

    @property
    def committed(self) -> bool:
        """Whether a representation is stored."""
        return is_whole(self.folder / COMMITTED_DIR)

    @property
    def version(self) -> object:
        """Something that is None if no representation is stored."""
        return self.committed or None

    def shards(self, identity: str) -> LocalShards:
        """Return the shards of one extraction, by its `identity_of`."""
        return LocalShards(self.folder / SHARDS / identity)

    def remove_shards(self) -> None:
        """Remove the shards of all extractions."""
        remove(self.folder / SHARDS)

    def load(self, rows: slice | None = None) -> Representation | None:
        """Read the representation, or return None if there is none; see `Store.load`."""
        path = self.folder / COMMITTED_DIR
        if not is_whole(path):
            return None
        with damage_of(path):
            about = read_about(path)
            stored = Key(**about["key"])
        if stored != self.key:
            raise InputError(f"{path} belongs to {stored}, not to {self.key}: the file system ignores case")
        with damage_of(path):
            chosen = rows_of(rows, len(about["ids"]))
            return representation_of(about, read_arrays(path, about, None if rows is None else chosen), chosen)

    def lock(self, stack: ExitStack) -> None:
        """Hold the lock of the key until the stack is closed.

        Raises:
            RuntimeError: another process holds it.
            OutputError: it cannot be written, or the file system has no locks.
        """
        path = self.folder / LOCK

        def busy() -> None:
            holder = path.read_text("utf-8") or "unknown"
            raise OperationError(f"process {holder} is extracting {self.key} into {self.root}: wait until it finishes")

        with self.writing():
            try:
                stack.enter_context(locked(path, busy))
            except OSError as error:
                if error.errno not in NO_LOCKS:
                    raise
                raise OutputError(
                    f"cannot lock {path}: {os.strerror(error.errno)}; `hyle embed --shard 1/1` needs no lock of the "
                    f"file system, or {REMEDY}"
                ) from error

    def writing(self) -> AbstractContextManager[None]:
        """Raise errors of the operating system as an `OutputError` that names the store."""
        return output_errors(self.root, REMEDY)

    @contextmanager
    def committing(self, done: Callable[[], bool] = lambda: False) -> Iterator[Callable[[], None]]:
        """Hold the lock for commits, after what a killed commit left is completed; see `commit_lock`."""
        with self.writing(), commit_lock(self.folder / COMMIT, done) as step:
            if not done():
                self._recover()
            yield step

    def recover(self) -> None:
        """Complete a replacement that was killed between its two renames."""
        if any(self.folder.glob(f"{BACKUP}*")):
            with self.committing():
                pass

    def _recover(self) -> None:
        staged, backups = (
            [path for path in self.folder.glob(f"{name}*") if is_whole(path)] for name in (STAGING, BACKUP)
        )
        if backups and not self.committed:
            # The new representation is complete, and was about to replace the old one.
            move(max(staged or backups, key=lambda path: path.stat().st_mtime), self.folder / COMMITTED_DIR)
        for name in (STAGING, BACKUP):
            for path in self.folder.glob(f"{name}*"):
                remove(path)

    def replace(
        self, representation: Representation, step: Callable[[], None] = lambda: None, *, over: object = ANY
    ) -> Path:
        """Write a representation, move it into place and return its folder.

        Args:
            representation: a complete representation.
            step: see `committing`, in which this is called.
            over: the `version` that it replaces, which the lock for commits ensures.
        """
        arrays, about, attributes = content_of(representation, self.key)
        staging, place = self.folder / unique_name(STAGING), self.folder / COMMITTED_DIR
        backups: list[Path] = []
        try:
            write_folder(staging, arrays, about, attributes=attributes, step=step)
            while not move(staging, place):
                backups.append(self.folder / unique_name(BACKUP))
                with suppress(FileNotFoundError):  # moved by a process that took over the lock of this one
                    place.rename(backups[-1])
        finally:
            for path in (staging, *backups) if self.committed else (staging,):
                remove(path)
        return place


def read_entry(path: Path) -> Entry:
    """Read what is stored in the folder of a representation, without its matrix.

    Raises:
        DamagedFolderError: its metadata cannot be read.
    """
    with damage_of(path):
        about = read_about(path)
        n, d = about["shape"]
        facts = (n, d, about["dtype"], about["energies"], len(about["dropped"]))
        return Entry(Key(**about["key"]), about["recipe"], *facts, path, path.stat().st_mtime)
