"""The representation of one key in an object store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

from ...base import InputError, OperationError, Representation
from ..address import Address
from ..checkpoint import ABOUT, COMMITTED, array_hashes, unique_name
from ..errors import DamagedFolderError, damage_of
from ..key import Key
from ..protocols import ANY
from ..rows import content_of, representation_of, rows_of
from ..signed import signed, unsigned
from .bucket import Bucket, Version
from .data import read_object, read_rows, remove_data, write_data
from .manifest import Manifest, read_manifest
from .names import DATA, DONE, SHARDS, folder_of, manifest_name
from .shards import ObjectShards

# How often a representation is read again, or stored again, because another process replaces it at the same time.
TRIES = 20
# Metadata in the manifest; the others, which grow with the number of samples, are beside the arrays.
SHORT = ("name", "key", "shape", "dtype", "energies", "samples", "recipe")


class ObjectPlace:
    """Where the representation of one key is stored: a manifest, and the data that it names.

    All data of an attempt have names that no other attempt uses. The manifest is put last, on the condition that there
    is none or that it is still the one to be replaced, so that one of several attempts succeeds. Without it, there is
    no representation. There are no locks.

    Args:
        bucket: where it is.
        key: key of the representation.
    """

    def __init__(self, bucket: Bucket, key: Key) -> None:
        self.bucket, self.key, self.root = bucket, key, Address(bucket.address)
        self.manifest = manifest_name(key)

    @property
    def version(self) -> Version | None:
        """The version of the manifest; None if there is none."""
        return self.bucket.version(self.manifest)

    def load(self, rows: slice | None = None) -> Representation | None:
        """Read the representation, or return None if there is none; see `Store.load`."""
        path = self.root / self.manifest
        for _ in range(TRIES):
            manifest = None
            try:
                with damage_of(path):
                    manifest = self._read()
                    if manifest is None:
                        return None
                    stored = Key(**manifest.content["key"])
                if stored != self.key:
                    raise InputError(f"{path} belongs to {stored}, not to {self.key}")
                with damage_of(path):
                    return self._load(manifest.content["data"], rows)
            except DamagedFolderError:
                if manifest is None or self.version == manifest.version:
                    raise  # else it was replaced meanwhile
        raise OperationError(f"{path} is replaced again and again: wait until other processes finish")

    def _load(self, data: dict[str, Any], rows: slice | None) -> Representation:
        about = about_of(read_object(self.bucket, data, ABOUT))
        chosen = rows_of(rows, len(about["ids"]))
        arrays = {name: read_rows(self.bucket, data, name, chosen) for name in data["arrays"]}
        if rows is None and array_hashes(arrays) != about["sha256"]:
            raise InputError(f"{self.bucket.address}/{data['folder']} has changed since it was written")
        return representation_of(about, arrays, chosen)

    def _read(self) -> Manifest | None:
        try:
            return read_manifest(self.bucket, self.manifest)
        except FileNotFoundError:
            return None

    def lock(self, stack: ExitStack) -> None:
        """Do nothing: there are no locks."""

    def writing(self) -> AbstractContextManager[None]:
        """Do nothing: the errors of the bucket name the store."""
        return nullcontext()

    @contextmanager
    def committing(self, done: Callable[[], bool] = lambda: False) -> Iterator[Callable[[], None]]:
        """Do nothing: the condition on the manifest is enough."""
        yield lambda: None

    def recover(self) -> None:
        """Do nothing: a killed process leaves the old representation or the new one."""

    def replace(
        self, representation: Representation, step: Callable[[], None] = lambda: None, *, over: object = ANY
    ) -> Address | None:
        """Write the data of a representation, then put the manifest; see `hyle.zoo.store.protocols.Place`."""
        arrays, about, attributes = content_of(representation, self.key)
        folder = f"{folder_of(self.key, DATA)}/{unique_name('data')}"
        hashes = array_hashes(arrays, step)
        files = {ABOUT: signed({**about, "sha256": hashes}), COMMITTED: "complete"}
        data = write_data(self.bucket, folder, arrays, files=files, attributes=attributes, step=step)
        if {each.name for each in self.bucket.list(folder)} != {f"{folder}/{name}" for name in data["objects"]}:
            raise OperationError(f"{self.root / folder} was removed while it was written: embed again")
        short = {name: about[name] for name in SHORT}
        text = signed({**short, "dropped": len(about["dropped"]), "data": data}).encode()
        if not self._put(text, over):
            remove_data(self.bucket, folder)
            return None
        return self.root / folder

    def _put(self, text: bytes, over: object) -> bool:
        """Put the manifest, and remove the data of the one that it replaces; return whether it is put."""
        for _ in range(TRIES):
            old = self._old()
            version = old[1] if old else None
            if over is not ANY and version not in (None, over):
                return False
            # An error here leaves the data: the request may have been carried out, or will be.
            if self.bucket.put_if(self.manifest, text, version):
                if old and old[0]:
                    remove_data(self.bucket, old[0])
                return True
        raise OperationError(f"{self.root / self.manifest} is replaced again and again: wait for other processes")

    def _old(self) -> tuple[str | None, Version] | None:
        """Return the folder of the data that are stored, None if the manifest is damaged, and its version."""
        try:
            text, version, _ = self.bucket.get_version(self.manifest)
        except FileNotFoundError:
            return None
        try:
            content, _ = unsigned(text)
            folder = str((content or {})["data"]["folder"])
        except (ValueError, KeyError, TypeError):
            return None, version
        own = folder.startswith(f"{folder_of(self.key, DATA)}/")
        return folder if own else None, version

    def shards(self, identity: str) -> ObjectShards:
        """Return the shards of one extraction, by its `identity_of`."""
        return ObjectShards(self.bucket, f"{folder_of(self.key, SHARDS)}/{identity}")

    def remove_shards(self) -> None:
        """Remove the shards of all extractions, first what makes them exist."""
        found = [each.name for each in self.bucket.list(folder_of(self.key, SHARDS))]
        self.bucket.delete([name for name in found if f"/{DONE}/" in name])
        self.bucket.delete([name for name in found if f"/{DONE}/" not in name])


def about_of(content: bytes) -> dict[str, Any]:
    """Return the metadata of a representation from their file."""
    about, hashed = unsigned(content)
    if about is None or not hashed:
        raise InputError("the metadata have changed since they were written")
    return about
