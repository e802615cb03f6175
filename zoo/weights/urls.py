"""Weights on the web: downloaded when a model is loaded, and verified by SHA-256."""

from __future__ import annotations

import functools
import urllib.parse
from collections.abc import Callable, Mapping
from pathlib import Path

from ..base import CACHE_REMEDY, DownloadError, InputError, cache_dir, file_sha256, locked, output_errors
from ..cards import Weights
from .carriers import verify_member
from .hashes import UnknownHashError, _hash_scope, _save_hashes, known_hashes
from .transfer import download


def cached_urls(weights: Weights) -> Mapping[str, Path] | None:
    """Return the paths of the cached files, or None if a file is not cached."""
    paths = {name: _folder(weights) / member for name, (member, _) in weights.files.items()}
    return paths if all(path.is_file() for path in paths.values()) else None


def url_files(weights: Weights) -> Mapping[str, Path] | None:
    """Return the cached files after verifying them, or None if a file is not cached.

    The SHA-256 of a file that cannot run code is saved if none was known, and is the expected one from then on.

    Raises:
        ValueError: the SHA-256 of a file is not the expected one, or a file is a pickle of unknown SHA-256.
    """
    paths, expected = cached_urls(weights), known_hashes(weights)
    for name, path in (paths or {}).items():
        member = weights.files[name][0]
        if expected[member]:
            verify_member(path, expected[member])
        elif weights.pickled:
            raise UnknownHashError(f"{path} is a pickle of unknown SHA-256; not read")
        else:
            _save_hashes({f"{_hash_scope(weights)}/{member}": file_sha256(path)})
    return paths


def fetch_urls(weights: Weights, *, notify: Callable[[str], None] | None = None) -> None:
    """Download the files into the cache, unless they are cached; an interrupted download is continued.

    Args:
        weights: weights whose ``url`` is an https folder.
        notify: called with one line before a download or a wait.

    Raises:
        ConnectionError: a file could not be downloaded.
        ValueError: the SHA-256 of a file is not the expected one; the file is deleted.
        OutputError: the cache folder cannot be written.
    """
    report, folder, expected = notify or (lambda line: None), _folder(weights), known_hashes(weights)
    for member, _ in weights.files.values():
        path = folder / member
        lock = path.with_name(f".{path.name}.lock")
        waiting = f"waiting for another process that is downloading {member}"
        with output_errors(path, CACHE_REMEDY), locked(lock, functools.partial(report, waiting)):
            if path.is_file():
                continue
            url = f"{weights.url}/{member}"
            size = f" ({weights.archive_bytes / 1e6:.0f} MB)" if weights.archive_bytes else ""
            report(f"downloading {url}{size}")
            part = path.with_name(f".{path.name}.part")
            try:
                download(url, part, length_required=not expected[member])
            except DownloadError as error:
                raise DownloadError(f"{error}; check the network, or put the file there yourself, as {path}") from error
            actual = file_sha256(part)
            if expected[member] and actual != expected[member].lower():
                part.unlink()
                raise InputError(
                    f"{url} has the sha256 {actual[:16]}..., but {expected[member][:16]}... is expected; not used"
                )
            part.replace(path)
    url_files(weights)  # saves hashes that were not known, before a recipe refers to them


def _folder(weights: Weights) -> Path:
    parts = urllib.parse.urlsplit(weights.url)
    if parts.scheme != "https":
        raise InputError(f"weights are downloaded over https only; got {weights.url!r}")
    return cache_dir() / "urls" / parts.netloc / parts.path.strip("/")
