"""Collect the output of a named submodule while a model runs."""

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
    """Collect ``pick(output)`` of the submodule ``name``, one entry per call; the hook is removed at the end.

    ``pick`` is called immediately, before later modules can modify the output in place.
    """
    outputs: list[Any] = []

    def hook(_module: Any, _args: Any, output: Any) -> None:
        outputs.append(pick(output))

    handle = model.get_submodule(name).register_forward_hook(hook)
    try:
        yield outputs
    finally:
        handle.remove()
