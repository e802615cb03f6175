"""The shards of one extraction in a folder."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .address import Folder
from .checkpoint import is_whole, move, read_about, read_arrays, remove, unique_name, write_folder
from .errors import damage_of
from .plan import Plan, write_plan


class LocalShards:
    """The shards of one extraction, each a folder that is written under a temporary name and renamed.

    Args:
        folder: the folder that they are in.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write_plan(self, plan: Plan) -> None:
        """Write what the extraction will become, unless it is there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_plan(self.folder, plan)

    def finished(self, known: Collection[str] = ()) -> Iterator[tuple[str, Folder, dict[str, Any]]]:
        """Yield name, path and metadata of the complete shards by name, without those that are known."""
        if not self.folder.is_dir():
            return
        for path in sorted(self.folder.iterdir()):
            if path.name not in known and is_whole(path):
                with damage_of(path):
                    about = read_about(path)
                yield path.name, path, about

    def write(self, name: str, arrays: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> None:
        """Write a shard, unless it is there."""
        path, temporary = self.folder / name, self.folder / unique_name(".writing")
        try:
            write_folder(temporary, arrays, about)
            if not move(temporary, path) and not is_whole(path):
                remove(path)  # its marker is missing, so that it is never read
                move(temporary, path)
        finally:
            remove(temporary)

    def read(self, shards: Iterable[tuple[Folder, Mapping[str, Any]]]) -> Iterator[dict[str, np.ndarray]]:
        """Yield the arrays of shards, each given by its path and metadata."""
        for path, about in shards:
            assert isinstance(path, Path)
            with damage_of(path, [*about["ids"], *about["dropped"]]):
                arrays = read_arrays(path, about)
            yield arrays
