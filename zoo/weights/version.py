"""What names the weights of a model: where they come from, and a short hash of them."""

from __future__ import annotations

import hashlib

from ..cards import Weights
from .hashes import known_hashes
from .hub import cached_commit


def weights_origin(weights: Weights) -> str:
    """Return where weights come from: a carrier, a package, a repository and its commit, the web, or a folder."""
    near = weights.carrier or weights.package or weights.url
    return near or (f"{weights.hub}@{_commit(weights)}" if weights.hub else weights.folder)


def weights_version(weights: Weights) -> str:
    """Return the first 16 hex digits that name weights: of the hashes of all files, or of the commit on the hub."""
    hashes = known_hashes(weights).values() if weights.url else [sha for _, sha in weights.files.values()]
    text = _commit(weights) if weights.hub else "".join(sorted(hashes))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _commit(weights: Weights) -> str:
    return weights.revision or cached_commit(weights) or "newest"
