"""Model cards for repositories of the Hugging Face Hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..base import MAX_REASON, InputError, folder_digest, shorten
from ..cards import ModelCard, Weights
from ..weights import PREFIX, hub_folder


def hub_card(name: str, *, notify: Callable[[str], None] | None = None) -> ModelCard:
    """Build the card of ``hf:organisation/name``, ``hf:organisation/name@revision`` or ``hf:./folder``.

    The encoder or decoder is loaded with AutoModel of transformers. Its view is ``smiles``.

    Raises:
        ValueError: the folder does not contain a transformers model.
        ConnectionError: the repository could not be downloaded.
    """
    from transformers import AutoConfig

    location = name.removeprefix(PREFIX)
    if location.startswith((".", "/", "~")):
        folder = Path(location).expanduser()
        if not (folder / "config.json").is_file():
            raise InputError(f"{folder} is not a transformers model: it contains no config.json")
        weights = Weights(files={}, hub=str(folder.resolve()), revision=folder_digest(folder))
    else:
        repository, _, revision = location.partition("@")
        folder, commit = hub_folder(repository, revision or None, notify=notify)
        weights = Weights(files={}, hub=repository, revision=commit)
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    # Which error a configuration raises depends on the model and on the version of transformers.
    except Exception as error:
        reason = shorten(" ".join((str(error) or type(error).__name__).split()), MAX_REASON)
        raise InputError(f"{name}: transformers cannot load this model without running its code: {reason}") from error
    text = config.get_text_config()
    depth = getattr(text, "num_hidden_layers", None) or getattr(text, "num_layers", None)
    if not depth:
        raise InputError(f"{name}: its configuration does not give the number of layers")
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
