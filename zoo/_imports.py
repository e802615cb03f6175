"""Import a class that the user names as module:Class."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def is_user_model(name: str) -> bool:
    """Whether a name reads ``module:Class``."""
    module, _, cls = name.partition(":")
    return cls.isidentifier() and all(part.isidentifier() for part in module.split("."))


@contextmanager
def current_folder() -> Iterator[None]:
    """Let modules of the current folder be imported."""
    # A console script does not look where it is called from.
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
