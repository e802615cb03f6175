"""Objects that name the data of a representation or of a shard, and so make them exist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...base import InputError
from ..signed import unsigned
from .bucket import Bucket, Version


@dataclass(frozen=True)
class Manifest:
    """What such an object contains, its version, and when it was written in seconds since 1970."""

    content: dict[str, Any]
    version: Version
    written: float


def read_manifest(bucket: Bucket, name: str) -> Manifest:
    """Read such an object.

    Raises:
        ValueError: it is damaged.
        FileNotFoundError: there is none.
    """
    text, version, written = bucket.get_version(name)
    content, hashed = unsigned(text)
    if content is None or not hashed or "data" not in content:
        raise InputError(f"{bucket.address}/{name} has changed since it was written")
    return Manifest(content, version, written)
