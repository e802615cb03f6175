"""The shards of one extraction in an object store."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ..address import Address, Folder
from ..checkpoint import array_hashes, unique_name
from ..errors import damage_of
from ..plan import PLAN, Plan
from ..rows import count_rows
from ..signed import signed
from .bucket import Bucket
from .data import read_rows, remove_data, write_data
from .in_order import in_order
from .manifest import read_manifest
from .names import DATA, DONE, ENDING

# Requests for metadata at the same time, and bytes of shards that are read ahead.
PARALLEL, AHEAD = 16, 2**26


class ObjectShards:
    """The shards of one extraction. The last object of a shard names its data, and is put only if there is none.

    Args:
        bucket: where they are.
        folder: the folder of the extraction.
    """

    def __init__(self, bucket: Bucket, folder: str) -> None:
        self.bucket, self.folder = bucket, folder

    def write_plan(self, plan: Plan) -> None:
        """Write what the extraction will become; all who write it write the same."""
        self.bucket.put(f"{self.folder}/{PLAN}", plan.text.encode())

    def finished(self, known: Collection[str] = ()) -> Iterator[tuple[str, Folder, dict[str, Any]]]:
        """Yield name, address and metadata of the complete shards by name, without those that are known."""
        names = [name for name in self.names() if name not in known]
        for name, about in zip(names, in_order(self._about, names, PARALLEL), strict=True):
            yield name, self.path(name), about

    def names(self) -> list[str]:
        """Return the names of the complete shards."""
        found = self.bucket.list(f"{self.folder}/{DONE}")
        return [each.name.rpartition("/")[2].removesuffix(ENDING) for each in found]

    def path(self, name: str) -> Address:
        """Return the address of the object that names the data of a shard."""
        return Address(self.bucket.address, f"{self.folder}/{DONE}/{name}{ENDING}")

    def write(self, name: str, arrays: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> None:
        """Write a shard, unless it is there."""
        folder = f"{self.folder}/{DATA}/{unique_name(name)}"
        data = write_data(self.bucket, folder, arrays, files={})
        text = signed({**about, "sha256": array_hashes(arrays), "data": data})
        if not self.bucket.put_if(self.path(name).inside, text.encode(), None):
            remove_data(self.bucket, folder)

    def read(self, shards: Iterable[tuple[Folder, Mapping[str, Any]]]) -> Iterator[dict[str, np.ndarray]]:
        """Yield the arrays of shards, each given by its address and metadata."""
        shards = list(shards)
        largest = max((_size(about) for _, about in shards), default=1)
        yield from in_order(self._read, shards, max(1, min(PARALLEL, AHEAD // max(1, largest))))

    def _about(self, name: str) -> dict[str, Any]:
        with damage_of(self.path(name)):
            return read_manifest(self.bucket, self.path(name).inside).content

    def _read(self, shard: tuple[Folder, Mapping[str, Any]]) -> dict[str, np.ndarray]:
        path, about = shard
        with damage_of(path, [*about["ids"], *about["dropped"]]):
            return {name: read_rows(self.bucket, about["data"], name) for name in about["data"]["arrays"]}


def _size(about: Mapping[str, Any]) -> int:
    width, _ = about["width"] or (0, "")
    return count_rows(about) * (width + 1) * 8  # at most
