"""Reading pickles whose classes are not wanted here: tensors and plain data come out, nothing of theirs runs."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace
from typing import Any


class Inert(dict):
    """What stands for every class that a file names."""

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        super().__init__()

    def __setstate__(self, state: object) -> None:
        self.state = state


def tensors_only(path: Path) -> Any:
    """Read a checkpoint of torch that ``weights_only`` refuses: its classes become `Inert`, its tensors stay."""
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
    """Return the parameters and buffers of a pickled module of torch, by their dotted names."""

    def walk(module: Any, prefix: str) -> dict[str, Any]:
        own = {**module.state["_parameters"], **module.state["_buffers"]}
        found = {prefix + name: tensor for name, tensor in own.items() if tensor is not None}
        for name, inner in module.state["_modules"].items():
            found |= walk(inner, f"{prefix}{name}.")
        return found

    return walk(tensors_only(path), "")


def plain_data(path: Path) -> Any:
    """Read a pickle of dicts, lists, numbers and strings.

    Raises:
        pickle.UnpicklingError: it names a class or a function.
    """

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            raise pickle.UnpicklingError(f"{path} names {module}.{name}, where plain data are expected")

    with path.open("rb") as file:
        return Unpickler(file).load()
