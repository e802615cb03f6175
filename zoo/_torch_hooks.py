"""Take what a named module returns while a model runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


@contextmanager
def output_of(
    model: torch.nn.Module, name: str, pick: Callable[[Any], Any] = lambda output: output
) -> Iterator[list[Any]]:
    """Collect ``pick(output)`` of the submodule ``name``, one entry a call; the hook is gone when the block ends.

    ``pick`` runs at once, before later modules can write to the output.
    """
    taken: list[Any] = []

    def hook(_module: Any, _args: Any, output: Any) -> None:
        taken.append(pick(output))

    handle = model.get_submodule(name).register_forward_hook(hook)
    try:
        yield taken
    finally:
        handle.remove()
