"""A store in a folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

from ..base import InputError
from .address import Folder
from .checkpoint import COMMITTED, UNFINISHED, is_whole, read_about, read_arrays, remove
from .errors import DamagedFolderError, problem_of
from .key import Entry, Key
from .place import BACKUP, COMMIT, COMMITTED_DIR, SHARDS, STAGING, Place, read_entry
from .plan import Plan, read_plan
from .protocols import Checked

PLACES = "*/*/*/*"


class LocalFolder:
    """A store in a folder; see `hyle.zoo.store.protocols.Backend` for its methods.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def exists(self) -> bool:
        """Return whether there is such a folder."""
        return self.root.is_dir()

    def place(self, key: Key) -> Place:
        """Return where the representation of a key is stored."""
        return Place(self.root, key)

    def about(self, entry: Entry) -> dict[str, Any]:
        """Read the metadata in the folder of a representation."""
        return read_about(_local(entry.path))

    def entries(self) -> Iterator[tuple[Folder, Entry | DamagedFolderError | None]]:
        """Yield the folder and the entry of each representation, sorted."""
        for path in self.representations():
            try:
                yield path, read_entry(path) if is_whole(path) else None
            except DamagedFolderError as error:
                yield path, error

    def representations(self) -> list[Path]:
        """Return the folders of all representations."""
        return sorted(self.root.glob(f"{PLACES}/{COMMITTED_DIR}"))

    def extractions(self) -> list[Path]:
        """Return the folders of all unfinished extractions."""
        found = self.root.glob(f"{PLACES}/{SHARDS}/*")
        return sorted(path for path in found if path.is_dir() and not path.name.startswith("."))

    def shards_of(self, extraction: Folder) -> list[Path]:
        """Return the folders of the shards of an extraction."""
        with suppress(FileNotFoundError):  # merged and removed meanwhile
            names = _local(extraction).iterdir()
            return sorted(p for p in names if p.is_dir() and not p.name.startswith(".") and UNFINISHED not in p.name)
        return []

    def finished(self, extraction: Folder) -> set[str]:
        """Return the ids in the complete shards of an extraction."""
        finished: set[str] = set()
        for shard in filter(is_whole, self.shards_of(extraction)):
            with suppress(ValueError, OSError):
                about = read_about(shard)
                finished |= {*about["ids"], *about["dropped"]}
        return finished

    def plan(self, extraction: Folder) -> Plan | None:
        """Return what an extraction will become."""
        try:
            return read_plan(_local(extraction))
        except InputError:
            return None

    def key_folder(self, extraction: Folder) -> Path:
        """Return the `Key.folder` that an extraction is in."""
        return Path(*_local(extraction).parts[-6:-2])

    def is_stored_beside(self, extraction: Folder) -> bool:
        """Return whether a representation of the same key is stored."""
        return is_whole(_local(extraction).parents[1] / COMMITTED_DIR)

    def check(self, path: Folder) -> Checked:
        """Read a representation or a shard, and compare it with its hashes."""
        folder, problem, about = _local(path), "", None
        try:
            about = read_about(folder)
            if not (folder / COMMITTED).is_file():
                raise InputError(f"{COMMITTED} is missing")
            read_arrays(folder, about)
            if folder.name == COMMITTED_DIR and folder.parent.parts[-4:] != Key(**about["key"]).folder.parts:
                raise InputError(f"it belongs to {Key(**about['key'])}")
        # Which error a damaged file raises depends on where it is damaged.
        except Exception as error:
            problem = problem_of(error)
        recipe = about and about.get("recipe")
        if about is None or recipe is None:
            return Checked(problem, recipe)
        # Earlier releases have not counted the samples, of which each was a row.
        return Checked(problem, recipe, about.get("samples", len(about["ids"]) + len(about["dropped"])))

    def is_there(self, path: Folder) -> bool:
        """Return whether there still is something at a path."""
        return _local(path).exists()

    def leftovers(self) -> Iterator[tuple[Folder, str]]:
        """Yield what may be removed once no process uses it, and what it is."""
        for path in self.extractions():
            yield path, "unfinished extraction"
        for place in sorted(self.root.glob(PLACES)):
            patterns = [f"{COMMIT}*", ".removed-*", f"{SHARDS}/.removed-*", f"*{UNFINISHED}*", f"{SHARDS}/*/.*"]
            patterns += [f"{SHARDS}/*/*{UNFINISHED}*"]
            # Without a representation, these are one whose replacement was killed.
            if is_whole(place / COMMITTED_DIR) or not any(map(is_whole, place.glob(f"{BACKUP}*"))):
                patterns += [f"{STAGING}*", f"{BACKUP}*"]
            for path in sorted({path for pattern in patterns for path in place.glob(pattern)}):
                yield path, "left by a killed process"

    def remove_leftover(self, path: Folder) -> None:
        """Remove what `leftovers` has found, and the folder of extractions once it is empty."""
        self.remove(path)
        if _local(path).parent.name == SHARDS:
            with suppress(OSError):  # other extractions are in it
                _local(path).parent.rmdir()

    def remove(self, path: Folder) -> None:
        """Remove a representation or a shard."""
        remove(_local(path))

    def size_of(self, path: Folder) -> int:
        """Return the size of a file, or of all files in a folder, in bytes."""
        return sum(status.st_size for status in _files(_local(path)) if stat.S_ISREG(status.st_mode))

    def last_write(self, path: Folder) -> float:
        """Return when a file, or anything in a folder, was last written."""
        return max((status.st_mtime for status in _files(_local(path))), default=0.0)


def _local(path: Folder) -> Path:
    assert isinstance(path, Path)
    return path


def _files(path: Path) -> Iterator[os.stat_result]:
    """Yield the status of a path and of everything in it, without what other processes remove meanwhile."""
    inside = (Path(folder, name) for folder, *names in os.walk(path) for name in chain(*names))
    for file in chain([path], inside):
        with suppress(FileNotFoundError):
            yield file.lstat()
