"""What a store contains besides its representations, what of it is damaged, and what can be removed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from .._errors import InputError
from .checkpoint import COMMITTED, UNFINISHED, is_whole, read_about, read_arrays, remove
from .key import Entry, Key
from .place import BACKUP, COMMIT, COMMITTED_DIR, SHARDS, STAGING, DamagedFolderError, read_entry
from .plan import Plan, read_plan

PLACES = "*/*/*/*"


@dataclass(frozen=True)
class Unfinished:
    """An extraction whose samples are not merged yet.

    Args:
        path: its folder.
        plan: what it will become; None in extractions of earlier releases, or if its file is damaged.
        finished: ids of the samples that are embedded or dropped.
        written: when it was last written, in seconds since 1970.
        stored: whether a representation of the same key is stored, so that this extraction is no longer needed.
    """

    path: Path
    plan: Plan | None
    finished: frozenset[str]
    written: float
    stored: bool

    @property
    def model(self) -> str:
        """The name of the model."""
        return self.plan.key.model if self.plan else unquote(self.path.parts[-6])

    @property
    def dataset(self) -> str:
        """The name and version of the data set."""
        return self.plan.key.dataset if self.plan else unquote(self.path.parts[-4])

    @property
    def missing(self) -> list[str] | None:
        """The ids that are not finished, in the order of the data set; None where the data set is not known."""
        return None if self.plan is None else [i for i in self.plan.ids if i not in self.finished]


@dataclass(frozen=True)
class Damage:
    """A damaged folder of a store.

    Args:
        path: the folder, a representation or a shard.
        problem: what is wrong with it.
        recipe: provenance of the representation; None where it cannot be read.
        samples: number of samples that the model was given, where the recipe can be read.
    """

    path: Path
    problem: str
    recipe: Mapping[str, Any] | None
    samples: int = 0


def find_stored(root: Path) -> tuple[list[Entry], list[Path]]:
    """Return the representations of a store, and the folders of those whose marker is missing or metadata are damaged.

    Both are sorted by folder. No matrix is read: `find_damage` does that.
    """
    entries, damaged = [], []
    for path in sorted(root.glob(f"{PLACES}/{COMMITTED_DIR}")):
        try:
            if is_whole(path):
                entries.append(read_entry(path))
                continue
        except DamagedFolderError:
            pass
        if path.exists():  # else it is being replaced
            damaged.append(path)
    return entries, damaged


def find_unfinished(root: Path) -> list[Unfinished]:
    """Return the unfinished extractions of a store, sorted by folder. Shards with damaged metadata count as missing."""
    found = []
    for path in _extractions(root):
        finished: set[str] = set()
        for shard in filter(is_whole, _shards(path)):
            with suppress(ValueError, OSError):
                about = read_about(shard)
                finished |= {*about["ids"], *about["dropped"]}
        stored = is_whole(path.parents[1] / COMMITTED_DIR)
        found.append(Unfinished(path, _plan(path), frozenset(finished), last_write(path), stored))
    return found


def find_damage(root: Path, step: Callable[[int], object] = int) -> Iterator[Damage]:
    """Read every representation and every shard of a store, and yield those that are damaged.

    Args:
        root: the folder of the store.
        step: called with the number of folders that were read so far, as `count_folders` counts them.
    """
    done = 0
    for path in sorted(root.glob(f"{PLACES}/{COMMITTED_DIR}")):
        problem, about = _check(path)
        step(done := done + 1)
        if problem and path.exists():  # else it is being replaced
            recipe = about and about.get("recipe")
            yield Damage(path, problem, recipe, len(about["ids"]) + len(about["dropped"]) if about and recipe else 0)
    for folder in _extractions(root):
        plan = _plan(folder)
        for path in _shards(folder):
            problem, _ = _check(path)
            step(done := done + 1)
            if problem and path.exists():  # else it was merged meanwhile
                yield Damage(path, problem, plan.recipe if plan else None, len(plan.ids) if plan else 0)


def count_folders(root: Path) -> int:
    """Return how many representations and shards `find_damage` reads."""
    shards = sum(len(_shards(folder)) for folder in _extractions(root))
    return shards + sum(1 for _ in root.glob(f"{PLACES}/{COMMITTED_DIR}"))


def find_leftovers(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield what may be removed once no process uses it, and what it is; never what a representation is read from."""
    for path in _extractions(root):
        yield path, "unfinished extraction"
    for place in sorted(root.glob(PLACES)):
        patterns = [f"{COMMIT}*", ".removed-*", f"{SHARDS}/.removed-*", f"*{UNFINISHED}*", f"{SHARDS}/*/.*"]
        patterns += [f"{SHARDS}/*/*{UNFINISHED}*"]
        # Without a representation, these are one whose replacement was killed.
        if is_whole(place / COMMITTED_DIR) or not any(map(is_whole, place.glob(f"{BACKUP}*"))):
            patterns += [f"{STAGING}*", f"{BACKUP}*"]
        for path in sorted({path for pattern in patterns for path in place.glob(pattern)}):
            yield path, "left by a killed process"


def remove_leftover(path: Path) -> None:
    """Remove what `find_leftovers` has found, and the folder of extractions once it is empty."""
    remove(path)
    if path.parent.name == SHARDS:
        with suppress(OSError):  # other extractions are in it
            path.parent.rmdir()


def size_of(path: Path) -> int:
    """Return the size of a file, or of all files in a folder, in bytes."""
    return sum(status.st_size for status in _files(path) if stat.S_ISREG(status.st_mode))


def last_write(path: Path) -> float:
    """Return when a file, or anything in a folder, was last written, in seconds since 1970; 0 if it is gone."""
    return max((status.st_mtime for status in _files(path)), default=0.0)


def _files(path: Path) -> Iterator[os.stat_result]:
    """Yield the status of a path and of everything in it, without what other processes remove meanwhile."""
    inside = (Path(folder, name) for folder, *names in os.walk(path) for name in chain(*names))
    for file in chain([path], inside):
        with suppress(FileNotFoundError):
            yield file.lstat()


def _extractions(root: Path) -> list[Path]:
    return sorted(p for p in root.glob(f"{PLACES}/{SHARDS}/*") if p.is_dir() and not p.name.startswith("."))


def _shards(folder: Path) -> list[Path]:
    with suppress(FileNotFoundError):  # merged and removed meanwhile
        names = folder.iterdir()
        return sorted(p for p in names if p.is_dir() and not p.name.startswith(".") and UNFINISHED not in p.name)
    return []


def _plan(path: Path) -> Plan | None:
    try:
        return read_plan(path)
    except InputError:
        return None


def _check(path: Path) -> tuple[str, dict[str, Any] | None]:
    """Return what is wrong with a folder, or "", and its metadata if they can be read."""
    about = None
    try:
        about = read_about(path)
        if not (path / COMMITTED).is_file():
            raise InputError(f"{COMMITTED} is missing")
        read_arrays(path, about)
        if path.name == COMMITTED_DIR and path.parent.parts[-4:] != Key(**about["key"]).folder.parts:
            raise InputError(f"it belongs to {Key(**about['key'])}")
    # Which error a damaged file raises depends on where it is damaged.
    except Exception as error:
        return " ".join(str(error).partition(" [")[0].split()) or type(error).__name__, about
    return "", about
