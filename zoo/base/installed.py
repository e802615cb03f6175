"""Versions of installed packages, without reading the metadata of each."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import re
import sys
from pathlib import Path

SUFFIX = ".dist-info"


def installed_version(name: str) -> str | None:
    """Return the version of an installed package, or None if it is not installed.

    The names of the metadata folders, NAME-VERSION.dist-info, say it; only packages without such a folder are looked up
    by `importlib.metadata`, which reads and parses a file for each package.
    """
    version = _versions(tuple((path, _changed(path)) for path in sys.path)).get(_canonical(name))
    if version is not None:
        return version
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


@functools.lru_cache(maxsize=4)
def _versions(paths: tuple[tuple[str, int], ...]) -> dict[str, str]:
    """Return canonical name -> version; the first folder of the path with a package counts."""
    versions: dict[str, str] = {}
    for path, changed in paths:
        for entry in Path(path).iterdir() if changed and Path(path).is_dir() else ():
            if entry.name.endswith(SUFFIX):
                name, _, version = entry.name.removesuffix(SUFFIX).partition("-")
                versions.setdefault(_canonical(name), version)
    return versions


def _changed(path: str) -> int:
    """Return when a folder was changed last, so that what was installed since is found; 0 if it does not exist."""
    try:
        return os.stat(path or ".").st_mtime_ns  # noqa: PTH116 (pathlib takes ten times as long)
    except OSError:
        return 0


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
