"""The version of hyle."""

from __future__ import annotations

import functools
import importlib.metadata


@functools.cache
def version() -> str:
    """Return the version of hyle, or "unknown" if it is not installed."""
    try:
        return importlib.metadata.version("hyle")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
