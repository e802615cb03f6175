"""Weights that lie on the Hugging Face hub, taken from its cache on this machine.

Nothing is downloaded from here: a model of gigabytes, with a licence to read first, is fetched by whoever wants it.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ._carriers import verify_member

if TYPE_CHECKING:
    from ._cards import Weights


class MissingWeightsError(FileNotFoundError):
    """A model whose weights are not in the cache; the message ends with the command that fetches them."""


def cached_files(weights: Weights) -> Mapping[str, Path] | None:
    """Return where the files of a repository lie in the cache, or None where one of them does not."""
    from huggingface_hub import try_to_load_from_cache

    found = {}
    for name, (member, _) in weights.files.items():
        path = try_to_load_from_cache(weights.hub or "", member, revision=weights.revision)
        if not isinstance(path, str):
            return None
        found[name] = Path(path)
    return found


def cached_revision(weights: Weights) -> str | None:
    """Return the commit in the cache that would be loaded, or None where there is none."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None

    member, _ = next(iter(weights.files.values()))
    path = try_to_load_from_cache(weights.hub or "", member, revision=weights.revision)
    # .../snapshots/COMMIT/MEMBER
    return Path(path).parts[-1 - len(Path(member).parts)] if isinstance(path, str) else None


def hub_files(name: str, weights: Weights) -> Mapping[str, Path]:
    """Return the files of a model, those with a known SHA-256 verified.

    Raises:
        MissingWeightsError: one is not in the cache; says the command that fetches them.
        ValueError: one hashes to something else.
    """
    found = cached_files(weights)
    if found is None:
        raise MissingWeightsError(
            f"{name} needs its weights from the Hugging Face hub; to fetch them: {fetch_command(weights)}"
        )
    for key, (_, sha256) in weights.files.items():
        if sha256:
            verify_member(found[key], sha256)
    return found


def fetch_command(weights: Weights) -> str:
    """Return the shell line that brings the files into the cache: those named, or all where no weights are named."""
    members = [member for member, _ in weights.files.values()] if "weights" in weights.files else []
    revision = ["--revision", weights.revision] if weights.revision else []
    return shlex.join(["hf", "download", weights.hub or "", *members, *revision])
