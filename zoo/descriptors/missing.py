"""Packages that describing samples needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..base import MissingPackageError, missing_package


@contextmanager
def needed_for(what: str) -> Iterator[None]:
    """Raise an import in the block that fails for a missing package as `MissingPackageError`.

    Args:
        what: what the package is needed for, such as ``describing crystals``.
    """
    try:
        yield
    except ImportError as error:
        message = missing_package(error)
        if message is None:
            raise
        raise MissingPackageError(f"{what}: {message}") from error
