"""The interface of readers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from .row import Options, Row, Wanted


class Reader(Protocol):
    """The interface of the modules of this package."""

    def count(self, path: Path) -> int:
        """Return the number of samples in a file."""

    def read(self, path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
        """Read the wanted samples, or all, in file order."""
