"""Weights on the Hugging Face Hub: files of one commit, read from its cache or downloaded into it on request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .._errors import DownloadError, InputError, MissingFileError
from ..cards import Weights
from .carriers import verify_member
from .hashes import known_hashes
from .urls import fetch_urls

# Weights, tokenizers and configurations, but no code. Pickled weights, which torch reads as tensors only, are
# downloaded only if there are no others.
WANTED = ("*.json", "*.txt", "*.model", "*.safetensors")
PICKLED = ("pytorch_model*.bin",)
PREFIX = "hf:"


class MissingWeightsError(MissingFileError):
    """A model whose weights are not in the cache; the message ends with the command that downloads them."""


def cached_files(weights: Weights) -> Mapping[str, Path] | None:
    """Return the paths of the cached files of a repository, and its ``folder``; None if a file is not cached."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    members = {name: member for name, (member, _) in weights.files.items()}
    if "weights" not in members:
        members = {"config": "config.json"} | members
    if Path(weights.hub).is_absolute():
        return {"folder": Path(weights.hub), **{name: Path(weights.hub) / member for name, member in members.items()}}
    paths = {}
    for name, member in members.items():
        path = try_to_load_from_cache(weights.hub, member, revision=weights.revision or None)
        if not isinstance(path, str):
            return None
        paths[name] = Path(path)
    anchor = paths.get("config") or paths["weights"]
    depth = len(Path(members.get("config", members.get("weights", ""))).parts)
    return {"folder": anchor.parents[depth - 1], **paths}


def cached_commit(weights: Weights) -> str | None:
    """Return the cached commit that would be loaded, or None if none is cached."""
    files = cached_files(weights)
    return files["folder"].name if files else None


def hub_files(name: str, weights: Weights) -> Mapping[str, Path]:
    """Return the files of a model and their ``folder``; files with a known SHA-256 are verified.

    Raises:
        MissingWeightsError: a file is not in the cache; gives the command that downloads them.
        ValueError: the SHA-256 of a file is not the expected one.
    """
    files = cached_files(weights)
    if files is None:
        raise MissingWeightsError(
            f"{name} needs its weights from the Hugging Face Hub; to download them: hyle fetch {name}"
        )
    expected = known_hashes(weights)
    for key, (member, _) in weights.files.items():
        if expected[member]:
            verify_member(files[key], expected[member])
    return files


def fetch(weights: Weights, *, notify: Callable[[str], None] | None = None) -> None:
    """Download files of a hub or of the web into the cache, unless they are cached.

    Args:
        weights: weights on a hub or on the web.
        notify: called with one line before a download or a wait.

    Raises:
        ConnectionError: a file could not be downloaded.
        ValueError: the SHA-256 of a file on the web is not the expected one.
    """
    if weights.url:
        fetch_urls(weights, notify=notify)
    elif cached_files(weights) is None:
        if "weights" in weights.files:
            _fetch_files(weights, notify)
        else:
            hub_folder(weights.hub, weights.revision or None, notify=notify)


def _fetch_files(weights: Weights, notify: Callable[[str], None] | None) -> None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    if notify is not None:
        notify(f"downloading {weights.hub} from the Hugging Face Hub")
    try:
        for member, _ in weights.files.values():
            hf_hub_download(weights.hub, member, revision=weights.revision or None)
    except (HfHubHTTPError, OSError) as error:
        raise _unreachable(weights.hub, error) from error


def _unreachable(repository: str, error: Exception) -> ConnectionError:
    reason = str(error).strip().splitlines()[0]
    return DownloadError(
        f"{repository} is not cached and could not be downloaded from the hub: {reason}; "
        "check the name and the network (HF_ENDPOINT, HF_TOKEN for gated models), or use a local folder: hf:./FOLDER"
    )


def hub_folder(
    repository: str, revision: str | None = None, *, notify: Callable[[str], None] | None = None
) -> tuple[Path, str]:
    """Return the folder that contains the files of a repository, and their commit.

    A cached repository is used without network access.

    Args:
        repository: ``"organisation/name"``.
        revision: commit, tag or branch; default the branch ``main``.
        notify: called with one line before anything is downloaded.

    Raises:
        ConnectionError: not cached, and could not be downloaded.
        ValueError: not a valid repository name, or a repository without weights that transformers can load.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    options: dict[str, Any] = {"revision": revision, "allow_patterns": list(WANTED)}
    try:
        folder = Path(snapshot_download(repository, local_files_only=True, **options))
        if _weights(folder):
            return folder, folder.name
    except LocalEntryNotFoundError:
        pass
    except HFValidationError as error:
        raise InputError(f"{repository!r} is not a repository of the hub: {error}") from error
    if notify is not None:
        notify(f"downloading {repository} from the Hugging Face Hub")
    try:
        folder = Path(snapshot_download(repository, **options))
        if not _weights(folder):
            folder = Path(snapshot_download(repository, revision=revision, allow_patterns=[*WANTED, *PICKLED]))
    except (HfHubHTTPError, OSError) as error:
        raise _unreachable(repository, error) from error
    if not _weights(folder):
        raise InputError(f"{repository} has no weights that transformers can load")
    return folder, folder.name


def _weights(folder: Path) -> list[Path]:
    return [path for pattern in ("*.safetensors", *PICKLED) for path in folder.glob(pattern)]
