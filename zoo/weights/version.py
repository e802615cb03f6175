"""Identifiers of the weights of a model: their origin and a short hash."""

from __future__ import annotations

import hashlib

from ..cards import Weights
from .hashes import known_hashes
from .hub import cached_commit


def weights_origin(weights: Weights) -> str:
    """Return the origin of weights: a carrier, a package, a url, a repository and its commit, or a folder."""
    origin = weights.carrier or weights.package or weights.url
    return origin or (f"{weights.hub}@{_commit(weights)}" if weights.hub else weights.folder)


def weights_version(weights: Weights) -> str:
    """Return 16 hex digits that identify weights: of a hash of all file hashes, or of the commit on the hub."""
    hashes = known_hashes(weights).values() if weights.url else [sha for _, sha in weights.files.values()]
    text = _commit(weights) if weights.hub else "".join(sorted(hashes))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _commit(weights: Weights) -> str:
    return weights.revision or cached_commit(weights) or "newest"
