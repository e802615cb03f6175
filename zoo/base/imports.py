"""Names of the form module:Class, and imports from the current folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def is_user_model(name: str) -> bool:
    """Return whether a name has the form ``module:Class``."""
    module, _, cls = name.partition(":")
    return cls.isidentifier() and all(part.isidentifier() for part in module.split("."))


@contextmanager
def current_folder() -> Iterator[None]:
    """Put the current folder first on ``sys.path`` within the block, so that its modules can be imported."""
    # Console scripts do not have the current folder on their path.
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
