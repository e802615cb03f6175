"""Addresses of what is in a store of an object store, in the place of paths."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, order=True)
class Address:
    """An object, or all objects whose names begin with the same folders.

    Args:
        root: address of the store, such as ``s3://bucket/prefix``.
        inside: name in the store, of which slashes separate the folders; empty for the store itself.
    """

    root: str
    inside: str = ""

    def __str__(self) -> str:
        return f"{self.root}/{self.inside}" if self.inside else self.root

    def __truediv__(self, name: str) -> Address:
        return Address(self.root, f"{self.inside}/{name}" if self.inside else name)


Folder = Path | Address
