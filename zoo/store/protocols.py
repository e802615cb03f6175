"""What a store needs of the place where it is kept: a folder, or an object store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..base import Representation
from .address import Folder
from .errors import DamagedFolderError
from .key import Entry, Key
from .plan import Plan

# In the place of a version: whatever is stored.
ANY = object()


class Shards(Protocol):
    """The shards of one extraction."""

    def write_plan(self, plan: Plan) -> None:
        """Write what the extraction will become, unless it is there."""

    def finished(self, known: Collection[str] = ()) -> Iterator[tuple[str, Folder, dict[str, Any]]]:
        """Yield name, path and metadata of the complete shards by name, without those that are known."""

    def write(self, name: str, arrays: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> None:
        """Write a shard, unless it is there; it is complete at one moment for all readers."""

    def read(self, shards: Iterable[tuple[Folder, Mapping[str, Any]]]) -> Iterator[dict[str, np.ndarray]]:
        """Yield the arrays of shards, each given by its path and metadata."""


class Place(Protocol):
    """Where the representation of one key is stored."""

    @property
    def key(self) -> Key:
        """The key."""

    @property
    def root(self) -> Folder:
        """The store."""

    @property
    def version(self) -> object:
        """What identifies the representation that is stored; None if there is none."""

    def load(self, rows: slice | None = None) -> Representation | None:
        """Read the representation, or return None if there is none; see `Store.load`."""

    def lock(self, stack: ExitStack) -> None:
        """Hold the lock of the key until the stack is closed, where there are locks."""

    def writing(self) -> AbstractContextManager[None]:
        """Raise errors of the operating system as an `OutputError` that names the store."""

    def committing(self, done: Callable[[], bool] = lambda: False) -> AbstractContextManager[Callable[[], None]]:
        """Do what has to be done around `replace`; the value is a function to call between parts of the work."""

    def recover(self) -> None:
        """Complete what a killed process has left incomplete."""

    def replace(
        self, representation: Representation, step: Callable[[], None] = lambda: None, *, over: object = ANY
    ) -> Folder | None:
        """Store a representation at one moment for all readers.

        Args:
            representation: a complete representation.
            step: called between parts of the work.
            over: the `version` that it may replace, None for none; default whatever is stored.

        Returns:
            Its folder; None if another version is stored, which is then kept.
        """

    def shards(self, identity: str) -> Shards:
        """Return the shards of one extraction, by its `identity_of`."""

    def remove_shards(self) -> None:
        """Remove the shards of all extractions."""


@dataclass(frozen=True)
class Checked:
    """A representation or a shard whose arrays were compared with their hashes.

    Args:
        problem: what is wrong with it; empty if nothing is.
        recipe: provenance of a representation, where it can be read.
        samples: number of samples that the model was given, where it can be read.
    """

    problem: str = ""
    recipe: Mapping[str, Any] | None = None
    samples: int = 0


class Backend(Protocol):
    """A store as a whole."""

    @property
    def root(self) -> Folder:
        """The folder or address."""

    def exists(self) -> bool:
        """Return whether there is such a store."""

    def place(self, key: Key) -> Place:
        """Return where the representation of a key is stored."""

    def about(self, entry: Entry) -> dict[str, Any]:
        """Read the metadata of a representation, without its arrays."""

    def entries(self) -> Iterator[tuple[Folder, Entry | DamagedFolderError | None]]:
        """Yield the path and the entry of each representation, sorted; the error or None where it is incomplete."""

    def representations(self) -> Sequence[Folder]:
        """Return the paths of all representations, whether they are complete or not, sorted."""

    def extractions(self) -> Sequence[Folder]:
        """Return the paths of all unfinished extractions, sorted."""

    def shards_of(self, extraction: Folder) -> Sequence[Folder]:
        """Return the paths of the shards of an extraction, whether they are complete or not, sorted."""

    def finished(self, extraction: Folder) -> set[str]:
        """Return the ids in the complete shards of an extraction; those with damaged metadata count as missing."""

    def plan(self, extraction: Folder) -> Plan | None:
        """Return what an extraction will become, or None if it is not known."""

    def key_folder(self, extraction: Folder) -> Path:
        """Return the `Key.folder` that an extraction is in."""

    def is_stored_beside(self, extraction: Folder) -> bool:
        """Return whether a representation of the same key is stored."""

    def check(self, path: Folder) -> Checked:
        """Read a representation or a shard, and compare it with its hashes."""

    def is_there(self, path: Folder) -> bool:
        """Return whether there still is something at a path."""

    def leftovers(self) -> Iterator[tuple[Folder, str]]:
        """Yield what may be removed once no process uses it, and what it is."""

    def remove_leftover(self, path: Folder) -> None:
        """Remove what `leftovers` has found, unless a representation or a shard is read from it by now."""

    def remove(self, path: Folder) -> None:
        """Remove a representation or a shard."""

    def size_of(self, path: Folder) -> int:
        """Return the size of everything at a path, in bytes."""

    def last_write(self, path: Folder) -> float:
        """Return when anything at a path was last written, in seconds since 1970; 0 if it is gone."""
