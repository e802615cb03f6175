"""Cards of models on the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .._cache import folder_digest
from .._errors import InputError
from ..cards import ModelCard, Weights
from ..weights import PREFIX, hub_folder


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
            raise InputError(f"{folder} holds no model of transformers: there is no config.json in it")
        weights = Weights(files={}, hub=str(folder.resolve()), revision=folder_digest(folder))
    else:
        repository, _, revision = place.partition("@")
        folder, commit = hub_folder(repository, revision or None, notify=notify)
        weights = Weights(files={}, hub=repository, revision=commit)
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (ValueError, OSError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"{name}: transformers does not know this model without running its code: {reason}") from error
    text = config.get_text_config()
    depth = getattr(text, "num_hidden_layers", None) or getattr(text, "num_layers", None)
    if not depth:
        raise InputError(f"{name}: its configuration does not say how many layers it has")
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
