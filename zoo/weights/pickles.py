"""Safe reading of pickles: only tensors and plain data are returned, and no code of the pickled classes runs."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace
from typing import Any


class Inert(dict):
    """Placeholder for every class that a pickle refers to; it keeps the state and does nothing."""

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        super().__init__()

    def __setstate__(self, state: object) -> None:
        self.state = state


def tensors_only(path: Path) -> Any:
    """Read a torch checkpoint that ``weights_only`` refuses: its classes become `Inert`, its tensors are kept."""
    import torch

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            if (module, name) == ("collections", "OrderedDict"):
                return OrderedDict
            if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
                return torch._utils._rebuild_tensor_v2
            if (module, name) == ("torch._utils", "_rebuild_parameter"):
                return lambda tensor, *_others: tensor
            if module == "torch" and name.endswith("Storage"):
                return getattr(torch, name)
            return Inert

    inert = SimpleNamespace(__name__="inert", Unpickler=Unpickler)
    return torch.load(path, map_location="cpu", weights_only=False, pickle_module=inert)


def module_state(path: Path) -> dict[str, Any]:
    """Return the parameters and buffers of a pickled torch module, by their dotted names."""

    def walk(module: Any, prefix: str) -> dict[str, Any]:
        tensors = {**module.state["_parameters"], **module.state["_buffers"]}
        state = {prefix + name: tensor for name, tensor in tensors.items() if tensor is not None}
        for name, child in module.state["_modules"].items():
            state |= walk(child, f"{prefix}{name}.")
        return state

    return walk(tensors_only(path), "")


def plain_data(path: Path) -> Any:
    """Read a pickle of dicts, lists, numbers and strings.

    Raises:
        pickle.UnpicklingError: it refers to a class or a function.
    """

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            raise pickle.UnpicklingError(f"{path} refers to {module}.{name}, but only plain data are expected")

    with path.open("rb") as file:
        return Unpickler(file).load()
