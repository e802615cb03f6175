"""Collect the outputs of named submodules while a model runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


@contextmanager
def output_of(
    model: torch.nn.Module, name: str, pick: Callable[[Any], Any] = lambda output: output
) -> Iterator[list[Any]]:
    """Collect ``pick(output)`` of the submodule ``name``, one entry per call; see `outputs_of`."""
    with outputs_of(model, [name], pick) as outputs:
        yield outputs[name]


@contextmanager
def outputs_of(
    model: torch.nn.Module, names: Iterable[str], pick: Callable[[Any], Any] = lambda output: output
) -> Iterator[Mapping[str, list[Any]]]:
    """Collect ``pick(output)`` of several submodules by name, one entry per call; the hooks are removed at the end.

    ``pick`` is called immediately, before later modules can modify the output in place.
    """
    outputs: dict[str, list[Any]] = {name: [] for name in names}
    with ExitStack() as hooks:
        for name, taken in outputs.items():

            def hook(_module: Any, _args: Any, output: Any, taken: list[Any] = taken) -> None:
                taken.append(pick(output))

            hooks.callback(model.get_submodule(name).register_forward_hook(hook).remove)
        yield outputs
