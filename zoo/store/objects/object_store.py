"""A store in an object store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ...base import InputError
from ..address import Address, Folder
from ..checkpoint import ABOUT
from ..errors import DamagedFolderError, StoreAccessError, damage_of, problem_of
from ..key import Entry, Key
from ..plan import PLAN, Plan, parse_plan
from ..protocols import Checked
from .bucket import bucket_at
from .data import check_data, remove_data
from .in_order import in_order
from .manifest import Manifest, read_manifest
from .names import (
    DATA,
    DEPTH,
    DONE,
    ENDING,
    REPRESENTATIONS,
    SHARDS,
    data_of,
    folders_of,
    key_folder,
    manifest_beside,
    manifest_name,
    names_of_data,
)
from .place import ObjectPlace, about_of
from .shards import PARALLEL, ObjectShards


class ObjectStore:
    """A store in an object store; see `hyle.zoo.store.protocols.Backend` for its methods.

    Paths are `Address`: of a representation, that of its manifest; of a shard, that of the object that names its data;
    of an `Entry`, that of the data.

    Args:
        address: ``scheme://bucket/prefix``.
    """

    def __init__(self, address: str) -> None:
        self._bucket, self.root = bucket_at(address), Address(address)

    def __reduce__(self) -> tuple[Any, ...]:
        return ObjectStore, (self.root.root,)

    def exists(self) -> bool:
        """Return whether there is any object at the address."""
        return not self._bucket.is_empty()

    def place(self, key: Key) -> ObjectPlace:
        """Return where the representation of a key is stored."""
        return ObjectPlace(self._bucket, key)

    def about(self, entry: Entry) -> dict[str, Any]:
        """Read the metadata beside the data of a representation."""
        try:
            return about_of(self._bucket.get(f"{_inside(entry.path)}/{ABOUT}"))
        except FileNotFoundError:  # replaced since the entry was read
            manifest = read_manifest(self._bucket, manifest_name(entry.key))
            return about_of(self._bucket.get(f"{manifest.content['data']['folder']}/{ABOUT}"))

    def entries(self) -> Iterator[tuple[Folder, Entry | DamagedFolderError | None]]:
        """Yield the address and the entry of each representation, sorted, without those removed meanwhile."""
        paths = self.representations()
        for path, found in zip(paths, in_order(self._entry, paths, PARALLEL), strict=True):
            if found is not None:
                yield path, found

    def _entry(self, path: Address) -> Entry | DamagedFolderError | None:
        try:
            with damage_of(path):
                manifest = self._manifest(path)
                if manifest is None:
                    return None
                about = manifest.content
                n, d = about["shape"]
                facts = (n, d, about["dtype"], about["energies"], about["dropped"])
                folder = self.root / about["data"]["folder"]
                return Entry(Key(**about["key"]), about["recipe"], *facts, folder, manifest.written)
        except DamagedFolderError as error:
            return error

    def _manifest(self, path: Address) -> Manifest | None:
        try:
            return read_manifest(self._bucket, path.inside)
        except FileNotFoundError:
            return None

    def representations(self) -> list[Address]:
        """Return the addresses of all representations."""
        found = self._bucket.list(REPRESENTATIONS)
        return [self.root / each.name for each in found if each.name.endswith(ENDING)]

    def extractions(self) -> list[Address]:
        """Return the addresses of all unfinished extractions."""
        return [self.root / folder for folder in self._folders(SHARDS, DEPTH)]

    def shards_of(self, extraction: Folder) -> list[Address]:
        """Return the addresses of the shards of an extraction."""
        shards = self._shards(extraction)
        return [shards.path(name) for name in shards.names()]

    def finished(self, extraction: Folder) -> set[str]:
        """Return the ids in the complete shards of an extraction."""
        finished: set[str] = set()

        def ids(path: Address) -> list[str]:
            try:
                manifest = self._manifest(path)
            except ValueError:
                return []
            return [*manifest.content["ids"], *manifest.content["dropped"]] if manifest else []

        for found in in_order(ids, self.shards_of(extraction), PARALLEL):
            finished.update(found)
        return finished

    def plan(self, extraction: Folder) -> Plan | None:
        """Return what an extraction will become."""
        path = self.root / f"{_inside(extraction)}/{PLAN}"
        try:
            return parse_plan(self._bucket.get(path.inside), path)
        except (InputError, FileNotFoundError):
            return None

    def key_folder(self, extraction: Folder) -> Path:
        """Return the `Key.folder` that an extraction is in."""
        return key_folder(_inside(extraction))

    def is_stored_beside(self, extraction: Folder) -> bool:
        """Return whether a representation of the same key is stored."""
        return self._bucket.version(manifest_beside(_inside(extraction))) is not None

    def check(self, path: Folder) -> Checked:
        """Read all objects of a representation or a shard, and compare them with their hashes."""
        name, problem, about = _inside(path), "", None
        try:
            about = read_manifest(self._bucket, name).content
            check_data(self._bucket, about["data"])
            if "key" in about and name != self.place(key := Key(**about["key"])).manifest:
                raise InputError(f"it belongs to {key}")
        except StoreAccessError:
            raise
        # Which error a damaged object raises depends on where it is damaged.
        except Exception as error:
            problem = problem_of(error)
        if about is None or "key" not in about:
            return Checked(problem)
        return Checked(problem, about["recipe"], about.get("samples", about["shape"][0] + about["dropped"]))

    def is_there(self, path: Folder) -> bool:
        """Return whether there still is an object at an address."""
        return self._bucket.version(_inside(path)) is not None

    def leftovers(self) -> Iterator[tuple[Folder, str]]:
        """Yield what may be removed once no process uses it, and what it is.

        Where the object that names data is damaged, they are kept, so that they can be looked at.
        """
        extractions = self.extractions()
        for path in extractions:
            yield path, "unfinished extraction"
        for extraction in extractions:
            folders = self._folders(f"{extraction.inside}/{DATA}", DEPTH + 2)
            yield from self._unnamed(folders, self.shards_of(extraction), lambda name: name.partition(f"/{DONE}/")[0])
        # In this order: what is listed and then named by a manifest is kept.
        folders = self._folders(DATA, DEPTH)
        yield from self._unnamed(folders, self.representations(), data_of)

    def _folders(self, inside: str, depth: int) -> list[str]:
        return folders_of((each.name for each in self._bucket.list(inside)), depth)

    def _unnamed(
        self, folders: list[str], paths: Sequence[Address], unknown: Callable[[str], str]
    ) -> Iterator[tuple[Folder, str]]:
        """Yield the data that none of some objects name; of a damaged one, all that are in a folder are named."""

        def named_by(path: Address) -> tuple[str | None, str | None]:
            try:
                return self._data(path), None
            except DamagedFolderError:
                return None, f"{unknown(path.inside)}/"

        found = list(in_order(named_by, paths, PARALLEL))
        named, kept = {name for name, _ in found}, tuple(folder for _, folder in found if folder)
        for folder in folders:
            if folder not in named and not folder.startswith(kept):
                yield self.root / folder, "left by a killed process"

    def _data(self, path: Address) -> str | None:
        with damage_of(path):
            manifest = self._manifest(path)
            return str(manifest.content["data"]["folder"]) if manifest else None

    def remove_leftover(self, path: Folder) -> None:
        """Remove what `leftovers` has found, unless a representation or a shard is read from it by now."""
        name = _inside(path)
        manifest = names_of_data(name)
        if manifest is None:
            remove_data(self._bucket, name, first=[DONE])
        elif self._data(self.root / manifest) != name:
            remove_data(self._bucket, name)

    def remove(self, path: Folder) -> None:
        """Remove the object that names the data of a representation or a shard, then the data."""
        name = _inside(path)
        try:
            folder = self._data(self.root / name)
        except DamagedFolderError:
            folder = None  # `leftovers` finds the data
        self._bucket.delete([name])
        if folder:
            remove_data(self._bucket, folder)

    def size_of(self, path: Folder) -> int:
        """Return the size of all objects below an address, in bytes."""
        return sum(each.size for each in self._bucket.list(_inside(path)))

    def last_write(self, path: Folder) -> float:
        """Return when anything below an address was last written."""
        return max((each.written for each in self._bucket.list(_inside(path))), default=0.0)

    def _shards(self, extraction: Folder) -> ObjectShards:
        return ObjectShards(self._bucket, _inside(extraction))


def _inside(path: Folder) -> str:
    assert isinstance(path, Address)
    return path.inside
