"""What a store contains besides its representations, what of it is damaged, and what can be removed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ..base import InputError
from .address import Address, Folder
from .backend import backend_of
from .errors import DamagedFolderError
from .key import Entry
from .plan import Plan

Root = str | os.PathLike[str] | Address


@dataclass(frozen=True)
class Unfinished:
    """An extraction whose samples are not merged yet.

    Args:
        path: its folder.
        plan: what it will become; None in extractions of earlier releases, or if its file is damaged.
        finished: ids of the samples that are embedded or dropped.
        written: when it was last written, in seconds since 1970.
        stored: whether a representation of the same key is stored, so that this extraction is no longer needed.
        key_folder: the `Key.folder` that it is in.
    """

    path: Folder
    plan: Plan | None
    finished: frozenset[str]
    written: float
    stored: bool
    key_folder: Path

    @property
    def model(self) -> str:
        """The name of the model."""
        return self.plan.key.model if self.plan else unquote(self.key_folder.parts[0])

    @property
    def dataset(self) -> str:
        """The name and version of the data set."""
        return self.plan.key.dataset if self.plan else unquote(self.key_folder.parts[2])

    @property
    def missing(self) -> list[str] | None:
        """The ids that are not finished, in the order of the data set; None where the data set is not known."""
        return None if self.plan is None else [i for i in self.plan.ids if i not in self.finished]


@dataclass(frozen=True)
class Damage:
    """A damaged folder of a store.

    Args:
        path: the folder, a representation or a shard; in an object store, the object that names its data.
        problem: what is wrong with it.
        recipe: provenance of the representation; None where it cannot be read.
        samples: number of samples that the model was given, where the recipe can be read.
    """

    path: Folder
    problem: str
    recipe: Mapping[str, Any] | None
    samples: int = 0


def find_stored(root: Root) -> tuple[list[Entry], list[Folder]]:
    """Return the representations of a store, and the folders of those whose marker is missing or metadata are damaged.

    Both are sorted by folder. No matrix is read: `find_damage` does that.
    """
    store = backend_of(root)
    entries: list[Entry] = []
    damaged: list[Folder] = []
    for path, entry in store.entries():
        if entry is not None and not isinstance(entry, DamagedFolderError):
            entries.append(entry)
        elif store.is_there(path):  # else it is being replaced
            damaged.append(path)
    return entries, damaged


def find_unfinished(root: Root) -> list[Unfinished]:
    """Return the unfinished extractions of a store, sorted by folder. Shards with damaged metadata count as missing."""
    store = backend_of(root)
    return [
        Unfinished(
            path,
            store.plan(path),
            frozenset(store.finished(path)),
            store.last_write(path),
            store.is_stored_beside(path),
            store.key_folder(path),
        )
        for path in store.extractions()
    ]


def find_damage(root: Root, step: Callable[[int], object] = int) -> Iterator[Damage]:
    """Read every representation and every shard of a store, and yield those that are damaged.

    Args:
        root: the folder or address of the store.
        step: called with the number of folders that were read so far, as `count_folders` counts them.
    """
    store, done = backend_of(root), 0
    for path in store.representations():
        found = store.check(path)
        step(done := done + 1)
        if found.problem and store.is_there(path):  # else it is being replaced
            yield Damage(path, found.problem, found.recipe, found.samples)
    for extraction in store.extractions():
        plan = store.plan(extraction)
        for path in store.shards_of(extraction):
            found = store.check(path)
            step(done := done + 1)
            if found.problem and store.is_there(path):  # else it was merged meanwhile
                recipe, samples = (plan.recipe, len(plan.ids)) if plan else (None, 0)
                yield Damage(path, found.problem, recipe, samples)


def count_folders(root: Root) -> int:
    """Return how many representations and shards `find_damage` reads."""
    return len(_folders(root))


def find_leftovers(root: Root) -> Iterator[tuple[Folder, str]]:
    """Yield what may be removed once no process uses it, and what it is; never what a representation is read from."""
    yield from backend_of(root).leftovers()


def remove_leftover(path: Folder) -> None:
    """Remove what `find_leftovers` has found, and the folder of extractions once it is empty."""
    backend_of(path).remove_leftover(path)


def remove_folder(root: Root, name: str) -> Folder:
    """Remove one representation or one shard, damaged or not, and return its path.

    Args:
        root: the folder or address of the store.
        name: the path or address, as `find_damage` gives it.

    Raises:
        InputError: the store has no such representation or shard.
    """
    chosen = {str(path): path for path in _folders(root)}.get(name.rstrip("/"))
    if chosen is None:
        raise InputError(f"{name} is no representation and no shard in the store {backend_of(root).root}")
    backend_of(root).remove(chosen)
    return chosen


def size_of(path: Folder) -> int:
    """Return the size of a file, or of all files in a folder, in bytes."""
    return backend_of(path).size_of(path)


def last_write(path: Folder) -> float:
    """Return when a file, or anything in a folder, was last written, in seconds since 1970; 0 if it is gone."""
    return backend_of(path).last_write(path)


def _folders(root: Root) -> Sequence[Folder]:
    store = backend_of(root)
    shards = [shard for extraction in store.extractions() for shard in store.shards_of(extraction)]
    return [*store.representations(), *shards]
