"""Loading of transformers models from a local folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..base import InputError


def from_pretrained(name: str, folder: Path, **options: Any) -> Any:
    """Load a model of a transformers class from a folder, as float32 in evaluation mode.

    Raises:
        ValueError: some weights are missing from the folder.
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
    """Silence the loader: its report on unused heads, and its progress bar."""
    verbosity, bar = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(verbosity)
        if bar:
            log.enable_progress_bar()
