"""Models of the Hugging Face hub: files of one commit, taken from its cache, or fetched into it on request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .._errors import DownloadError, InputError, MissingFileError
from ..cards import Weights
from .carriers import verify_member
from .hashes import known_hashes
from .urls import fetch_urls

# Weights, tokenizers, configurations; no code. Pickled weights, which torch reads as tensors only, are the last resort.
WANTED = ("*.json", "*.txt", "*.model", "*.safetensors")
PICKLED = ("pytorch_model*.bin",)
PREFIX = "hf:"


class MissingWeightsError(MissingFileError):
    """A model whose weights are not in the cache; the message ends with the command that fetches them."""


def cached_files(weights: Weights) -> Mapping[str, Path] | None:
    """Return where the files of a repository lie in the cache, the whole as ``folder``; None where one does not."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    members = {name: member for name, (member, _) in weights.files.items()}
    if "weights" not in members:
        members = {"config": "config.json"} | members
    if Path(weights.hub).is_absolute():
        found = {name: Path(weights.hub) / member for name, member in members.items()}
        return {"folder": Path(weights.hub), **found}
    found = {}
    for name, member in members.items():
        path = try_to_load_from_cache(weights.hub, member, revision=weights.revision or None)
        if not isinstance(path, str):
            return None
        found[name] = Path(path)
    anchor = found.get("config") or found["weights"]
    depth = len(Path(members.get("config", members.get("weights", ""))).parts)
    return {"folder": anchor.parents[depth - 1], **found}


def cached_commit(weights: Weights) -> str | None:
    """Return the commit in the cache that would be loaded, or None where there is none."""
    found = cached_files(weights)
    return found["folder"].name if found else None


def hub_files(name: str, weights: Weights) -> Mapping[str, Path]:
    """Return the files of a model, those with a known SHA-256 verified, and their ``folder``.

    Raises:
        MissingWeightsError: one is not in the cache; says the command that fetches them.
        ValueError: one hashes to something else.
    """
    found = cached_files(weights)
    if found is None:
        raise MissingWeightsError(
            f"{name} needs its weights from the Hugging Face hub; to fetch them: hyle fetch {name}"
        )
    known = known_hashes(weights)
    for key, (member, _) in weights.files.items():
        if known[member]:
            verify_member(found[key], known[member])
    return found


def fetch(weights: Weights, *, notify: Callable[[str], None] | None = None) -> None:
    """Bring the files of a hub or of the web into the cache, where they are not there yet."""
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
        notify(f"downloading {weights.hub} from the Hugging Face hub")
    try:
        for member, _ in weights.files.values():
            hf_hub_download(weights.hub, member, revision=weights.revision or None)
    except (HfHubHTTPError, OSError) as error:
        raise _unreachable(weights.hub, error) from error


def _unreachable(repository: str, error: Exception) -> ConnectionError:
    reason = str(error).strip().splitlines()[0]
    return DownloadError(
        f"{repository} is not cached and could not be had from the hub: {reason}; "
        "check the name and the network (HF_ENDPOINT, HF_TOKEN for gated models), or give a folder as hf:./FOLDER"
    )


def hub_folder(
    repository: str, revision: str | None = None, *, notify: Callable[[str], None] | None = None
) -> tuple[Path, str]:
    """Return the folder with the files of a repository, and the commit that they are of.

    What is cached is taken without a look at the network.

    Args:
        repository: ``"organisation/name"``.
        revision: commit, tag or branch; default the branch ``main``.
        notify: called with one line before anything is downloaded.

    Raises:
        ConnectionError: neither cached nor to be had.
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
        raise InputError(f"{repository!r} is no repository of the hub: {error}") from error
    if notify is not None:
        notify(f"downloading {repository} from the Hugging Face hub")
    try:
        folder = Path(snapshot_download(repository, **options))
        if not _weights(folder):
            folder = Path(snapshot_download(repository, revision=revision, allow_patterns=[*WANTED, *PICKLED]))
    except (HfHubHTTPError, OSError) as error:
        raise _unreachable(repository, error) from error
    if not _weights(folder):
        raise InputError(f"{repository} has no weights that transformers could load")
    return folder, folder.name


def _weights(folder: Path) -> list[Path]:
    return [path for pattern in ("*.safetensors", *PICKLED) for path in folder.glob(pattern)]
