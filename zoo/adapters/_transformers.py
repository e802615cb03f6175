"""Loading models of the transformers library from a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .._errors import InputError


def from_pretrained(name: str, folder: Path, **options: Any) -> Any:
    """Return a model of a class of transformers in evaluation mode, float32, with the weights of a folder.

    Raises:
        ValueError: the folder lacks some of them.
    """
    import torch
    import transformers

    with quiet(transformers.utils.logging):
        model, info = getattr(transformers, name).from_pretrained(
            folder, dtype=torch.float32, local_files_only=True, output_loading_info=True, **options
        )
    if info["missing_keys"]:
        raise InputError(f"{folder} has no weights for {sorted(info['missing_keys'])[:3]}; they would be random")
    return model.eval()


@contextmanager
def quiet(log: Any) -> Iterator[None]:
    """Keep the report of unused heads and the progress bar of the loader to itself."""
    verbosity, bar = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(verbosity)
        if bar:
            log.enable_progress_bar()
