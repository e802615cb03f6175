"""Folder of the site: written only where it is new, empty, or was written by this command before."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from hyle.zoo import InputError, output_errors

from ..atomic import write_atomically

MARKER = ".hyle-leaderboard.json"
_GENERATOR = "hyle leaderboard"
# Paths that this command writes; a marker that was edited by hand cannot make it delete others.
_WRITTEN = re.compile(r"index\.html|models/[a-z0-9][a-z0-9._-]*\.html")


def write_site(pages: Mapping[str, str], folder: Path) -> list[Path]:
    """Write the pages of a site, each atomically, and delete pages of an earlier run that are no longer part of it.

    Other files in the folder, such as cards, are left as they are.

    Args:
        pages: path within the folder -> HTML text.
        folder: output folder; created if it is missing.

    Returns:
        The paths of the pages.

    Raises:
        InputError: the folder has files and was not written by this command.
        OutputError: a file cannot be written.
    """
    before = check_folder(folder)
    files = sorted({*pages, *before})
    # Until all pages are written, the marker names those of both runs: an interrupted run can be repeated.
    write_atomically(folder / MARKER, _marker(files))
    # The page with the links is the last.
    order = sorted(pages, key=lambda name: (name == "index.html", name))
    paths = [write_atomically(folder / name, pages[name].encode()) for name in order]
    for name in set(before) - set(pages):
        with output_errors(folder / name):
            (folder / name).unlink(missing_ok=True)
    write_atomically(folder / MARKER, _marker(sorted(pages)))
    return paths


def check_folder(folder: Path) -> list[str]:
    """Return the pages that an earlier run wrote into a folder.

    Raises:
        InputError: the folder has files and was not written by this command, or it is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--output {folder} is a file: name a folder")
    marker = folder / MARKER
    if marker.is_file():
        try:
            data = json.loads(marker.read_text("utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(f"{marker} cannot be read: name another folder, or delete this one") from error
        if isinstance(data, dict) and data.get("generator") == _GENERATOR and isinstance(data.get("files"), list):
            return [name for name in data["files"] if isinstance(name, str) and _WRITTEN.fullmatch(name)]
        raise InputError(f"{marker} was not written by {_GENERATOR}: name another folder, or delete this one")
    with output_errors(folder):
        other = next(iter(sorted(folder.iterdir())), None) if folder.exists() else None
    if other is not None:
        raise InputError(
            f"--output {folder} contains {other.name} and was not written by {_GENERATOR}: name a new or an empty "
            "folder"
        )
    return []


def _marker(files: list[str]) -> bytes:
    text = json.dumps({"generator": _GENERATOR, "files": files}, indent=1)
    return f"{text}\n".encode()
