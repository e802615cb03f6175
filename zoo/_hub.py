"""Models of a hub: a folder of files at one revision, fetched once and kept by huggingface_hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ._cards import ModelCard, Weights
from ._own import folder_digest

# Weights, tokenizers, configurations; no code. Pickled weights, which torch reads as tensors only, are the last resort.
WANTED = ("*.json", "*.txt", "*.model", "*.safetensors")
PICKLED = ("pytorch_model*.bin",)
PREFIX = "hf:"


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
        raise ValueError(f"{repository!r} is no repository of the hub: {error}") from error
    if notify is not None:
        notify(f"downloading {repository} from the Hugging Face hub")
    try:
        folder = Path(snapshot_download(repository, **options))
        if not _weights(folder):
            folder = Path(snapshot_download(repository, revision=revision, allow_patterns=[*WANTED, *PICKLED]))
    except (HfHubHTTPError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConnectionError(
            f"{repository} is not cached and could not be had from the hub: {reason}; "
            "check the name and the network (HF_ENDPOINT, HF_TOKEN for gated models), or give a folder as hf:./FOLDER"
        ) from error
    if not _weights(folder):
        raise ValueError(f"{repository} has no weights that transformers could load")
    return folder, folder.name


def _weights(folder: Path) -> list[Path]:
    return [path for pattern in ("*.safetensors", *PICKLED) for path in folder.glob(pattern)]


def cached_commit(repository: str, revision: str | None = None) -> str | None:
    """Return the commit of a repository that lies here already, None where none does."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    if Path(repository).is_absolute():
        return revision
    path = try_to_load_from_cache(repository, "config.json", revision=revision)
    return Path(path).parent.name if isinstance(path, str) else None


def hub_card(name: str, *, notify: Callable[[str], None] | None = None) -> ModelCard:
    """Make the card of ``hf:organisation/name``, ``hf:organisation/name@revision`` or ``hf:./folder``.

    Its encoder or decoder is loaded by transformers' AutoModel; it is fed SMILES, unless another card says otherwise.

    Raises:
        ValueError: the folder holds no model of transformers.
        ConnectionError: it could not be fetched.
    """
    from transformers import AutoConfig

    place = name.removeprefix(PREFIX)
    if place.startswith((".", "/", "~")):
        folder = Path(place).expanduser()
        if not (folder / "config.json").is_file():
            raise ValueError(f"{folder} holds no model of transformers: there is no config.json in it")
        weights = Weights(files={}, hub=str(folder.resolve()), revision=folder_digest(folder))
    else:
        repository, _, revision = place.partition("@")
        folder, commit = hub_folder(repository, revision or None, notify=notify)
        weights = Weights(files={}, hub=repository, revision=commit)
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (ValueError, OSError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"{name}: transformers does not know this model without running its code: {reason}") from error
    text = config.get_text_config()
    depth = getattr(text, "num_hidden_layers", None) or getattr(text, "num_layers", None)
    if not depth:
        raise ValueError(f"{name}: its configuration does not say how many layers it has")
    return ModelCard(
        name=name,
        family=str(config.model_type),
        modality="text",
        view="smiles",
        architecture="unconstrained",
        parameters=0,
        dim=int(text.hidden_size),
        training_data="see the hub",
        trained_on=(),
        licence="see the hub",
        citation="",
        adapter="hyle.zoo.adapters.hf_model:HFModel",
        layers=[f"hidden_states.{i}" for i in range(depth, -1, -1)],
        pooling="mean",
        batch_size=16,
        options={"max_tokens": int(getattr(text, "max_position_embeddings", 0) or 4096)},
        weights=weights,
        requirements=("transformers>=4.57",),
    )
