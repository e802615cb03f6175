"""Weights on the Hugging Face Hub: files of one commit, read from its cache or downloaded into it on request."""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..base import DownloadError, InputError, MissingFileError, output_errors
from ..cards import Weights
from .carriers import verify_member
from .hashes import known_hashes
from .urls import fetch_urls

# Weights, tokenizers and configurations, but no code. Pickled weights, which torch reads as tensors only, are
# downloaded only if there are no others.
WANTED = ("*.json", "*.txt", "*.model", "*.safetensors")
PICKLED = ("pytorch_model*.bin",)
PREFIX = "hf:"
# Errors of the operating system that come from a disk and never from the network.
DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}


class MissingWeightsError(MissingFileError):
    """A model whose weights are not in the cache; the message ends with the command that downloads them."""


def cached_files(weights: Weights) -> Mapping[str, Path] | None:
    """Return the paths of the cached files of a repository, and its ``folder``; None if a file is not cached."""
    try:
        from huggingface_hub import constants
    except ImportError:
        return None
    members = {name: member for name, (member, _) in weights.files.items()}
    if "weights" not in members:
        members = {"config": "config.json"} | members
    if Path(weights.hub).is_absolute():
        return {"folder": Path(weights.hub), **{name: Path(weights.hub) / member for name, member in members.items()}}
    # Before the rest of the library is imported, which takes longer than all else that `hyle models` does.
    if not (Path(constants.HF_HUB_CACHE) / f"models--{weights.hub.replace('/', '--')}").is_dir():
        return None
    from huggingface_hub import try_to_load_from_cache

    paths = {}
    for name, member in members.items():
        path = try_to_load_from_cache(weights.hub, member, revision=weights.revision or None)
        if not isinstance(path, str):
            return None
        paths[name] = Path(path)
    if "weights" not in members and _snapshot(weights.hub, weights.revision or None) is None:
        return None
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
        OutputError: the cache cannot be written.
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

    if notify is not None:
        notify(f"downloading {weights.hub} from the Hugging Face Hub")
    with _downloading(weights.hub):
        for member, _ in weights.files.values():
            hf_hub_download(weights.hub, member, revision=weights.revision or None)


@contextmanager
def _downloading(repository: str) -> Iterator[None]:
    """Raise the errors of a download by huggingface_hub, which resumes it and checks its length, as one clear error.

    Raises:
        OutputError: its cache cannot be written.
        ConnectionError: the hub cannot be reached, or refuses.
    """
    from huggingface_hub import constants
    from huggingface_hub.errors import HfHubHTTPError

    # The first base is that of all errors of its HTTP library. Its library for large files raises RuntimeError.
    failures: Any = (*HfHubHTTPError.__bases__, RuntimeError)
    with output_errors(constants.HF_HUB_CACHE, "free some space, or set HF_HOME to another folder"):
        try:
            yield
        except failures as error:
            if _of_disk(error):
                raise
            raise _unreachable(repository, error) from error


def _of_disk(error: BaseException) -> bool:
    quoted = re.search(r"os error (\d+)", str(error))
    number = int(quoted[1]) if quoted else getattr(error, "errno", None)
    return getattr(error, "filename", None) is not None or number in DISK


def _unreachable(repository: str, error: BaseException) -> ConnectionError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
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
        OutputError: the cache cannot be written.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        cached = _snapshot(repository, revision)
    except HFValidationError as error:
        raise InputError(f"{repository!r} is not a repository of the hub: {error}") from error
    if cached is not None:
        return cached, cached.name
    if notify is not None:
        notify(f"downloading {repository} from the Hugging Face Hub")
    with _downloading(repository):
        folder = Path(snapshot_download(repository, revision=revision, allow_patterns=list(WANTED)))
        if not _weights(folder):
            folder = Path(snapshot_download(repository, revision=revision, allow_patterns=[*WANTED, *PICKLED]))
    if not _weights(folder):
        raise InputError(f"{repository} has no weights that transformers can load")
    return folder, folder.name


def _snapshot(repository: str, revision: str | None) -> Path | None:
    """Return the cached folder of a repository, or None if it is missing or was downloaded only in part."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    options: dict[str, Any] = {"revision": revision, "allow_patterns": list(WANTED), "local_files_only": True}
    try:
        folder = Path(snapshot_download(repository, **options))
    except LocalEntryNotFoundError:
        return None
    weights = _weights(folder)
    if not weights:
        return None
    for index in folder.glob(f"*{weights[0].suffix}.index.json"):
        shards = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
        if not all((folder / shard).is_file() for shard in shards):
            return None
    return folder


def _weights(folder: Path) -> list[Path]:
    return [path for pattern in ("*.safetensors", *PICKLED) for path in folder.glob(pattern)]
