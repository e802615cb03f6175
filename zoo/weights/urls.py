"""Weights that lie on the web: fetched when a model is asked for, and held to a SHA-256 that is known beforehand."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from .._cache import cache_dir, file_sha256, locked
from .._errors import DownloadError, InputError
from ..cards import Weights
from .carriers import verify_member
from .hashes import UnknownHashError, _hash_scope, _save_hashes, known_hashes

BLOCK = 1 << 20
SECONDS = 60


def cached_urls(weights: Weights) -> Mapping[str, Path] | None:
    """Return where the files lie, or None where one was not fetched yet."""
    found = {name: _folder(weights) / member for name, (member, _) in weights.files.items()}
    return found if all(path.is_file() for path in found.values()) else None


def url_files(weights: Weights) -> Mapping[str, Path] | None:
    """Return the files, verified, or None where one was not fetched yet.

    A file that cannot run code and has no known SHA-256 is held to the one that it has now from here on.

    Raises:
        ValueError: one is not what its SHA-256 says, or is a pickle without one.
    """
    found, known = cached_urls(weights), known_hashes(weights)
    for name, path in (found or {}).items():
        member = weights.files[name][0]
        if known[member]:
            verify_member(path, known[member])
        elif weights.pickled:
            raise UnknownHashError(f"{path} is a pickle of unknown SHA-256: not read")
        else:
            _save_hashes({f"{_hash_scope(weights)}/{member}": file_sha256(path)})
    return found


def fetch_urls(weights: Weights, *, notify: Callable[[str], None] | None = None) -> None:
    """Bring the files into the cache, where they are not there yet.

    Args:
        weights: whose ``url`` is an https folder.
        notify: called with one line before a download or a wait.

    Raises:
        ConnectionError: a file is not to be had.
        ValueError: one is not what its SHA-256 says; nothing of it is kept.
    """
    say, folder, known = notify or (lambda line: None), _folder(weights), known_hashes(weights)
    for member, _ in weights.files.values():
        path = folder / member
        lock = path.with_name(f".{path.name}.lock")
        with locked(lock, lambda member=member: say(f"waiting for another process that downloads {member}")):  # type: ignore[misc]
            if path.is_file():
                continue
            size = f" ({weights.archive_bytes / 1e6:.0f} MB)" if weights.archive_bytes else ""
            say(f"downloading {weights.url}/{member}{size}")
            part = path.with_name(f".{path.name}.part")
            try:
                _download(f"{weights.url}/{member}", part)
                found = file_sha256(part)
                if known[member] and found != known[member]:
                    raise InputError(
                        f"{weights.url}/{member} has the sha256 {found[:16]}... where {known[member][:16]}... is "
                        "expected; not used"
                    )
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
    url_files(weights)  # so that a hash that was not known is, before anything is named by it


def _download(url: str, path: Path) -> None:
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer, path.open("wb") as sink:
            while block := answer.read(BLOCK):
                sink.write(block)
    except OSError as error:  # of which those of urllib are kinds
        reason = getattr(error, "reason", None) or error
        place = path.with_name(path.name.removeprefix(".").removesuffix(".part"))
        raise DownloadError(
            f"{url} could not be had: {reason}; check the network, or put the file there yourself, as {place}"
        ) from error


def _folder(weights: Weights) -> Path:
    parts = urllib.parse.urlsplit(weights.url)
    if parts.scheme != "https":
        raise InputError(f"weights are fetched by https alone; got {weights.url!r}")
    return cache_dir() / "urls" / parts.netloc / parts.path.strip("/")
