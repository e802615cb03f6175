"""Names of objects in a store.

``representations/KEY.json`` names the data of a representation, and ``data/KEY/UNIQUE`` are the data, with the same
files as in a folder. ``shards/KEY/IDENTITY`` is an extraction, with ``extraction.json``, ``done/NAME.json`` for each
complete shard and its data in ``data/UNIQUE``. KEY is `Key.folder`: four names.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..key import Key

REPRESENTATIONS, DATA, SHARDS, DONE = "representations", "data", "shards", "done"
ENDING = ".json"
# Names of folders before those in a key, in it, and up to an extraction or the data of a representation.
DEPTH = 6


def manifest_name(key: Key) -> str:
    """Return the name of the object that names the data of a representation."""
    return f"{REPRESENTATIONS}/{key.folder.as_posix()}{ENDING}"


def manifest_beside(name: str) -> str:
    """Return that name for an extraction, or for the data of a representation."""
    return f"{REPRESENTATIONS}/{key_folder(name).as_posix()}{ENDING}"


def data_of(manifest: str) -> str:
    """Return the folder of all data of a representation, by the name of the object that names them."""
    return f"{DATA}/{manifest.removeprefix(f'{REPRESENTATIONS}/').removesuffix(ENDING)}"


def names_of_data(folder: str) -> str | None:
    """Return the name of the object that names the data in a folder, if any does; None for an extraction."""
    parts = folder.split("/")
    if parts[0] == DATA:
        return manifest_beside(folder)
    if len(parts) == DEPTH + 2:
        shard = parts[-1].rsplit("-", 2)[0]  # as `unique_name` has made it
        return "/".join([*parts[:DEPTH], DONE, f"{shard}{ENDING}"])
    return None


def key_folder(name: str) -> Path:
    """Return the `Key.folder` of an extraction, or of the data of a representation."""
    return Path(*name.split("/")[1 : DEPTH - 1])


def folder_of(key: Key, kind: str) -> str:
    """Return the folder of a key for `DATA` or `SHARDS`."""
    return f"{kind}/{key.folder.as_posix()}"


def folders_of(names: Iterable[str], depth: int) -> list[str]:
    """Return the different folders that consist of some number of names, in order, of objects that are in them."""
    return list(dict.fromkeys("/".join(parts[:depth]) for name in names if len(parts := name.split("/")) > depth))
