"""Packages whose names are imported when they are first used, so that short commands start fast."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


def lazy_names(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return `__getattr__`, `__dir__` and `__all__` of a package that imports nothing until a name is used.

    The names are those that its `__init__.py` imports under ``if TYPE_CHECKING``, where type checkers find them too. A
    name that is also that of a module of the package means the name, whichever is imported first.

    Args:
        package: name of the package.
        file: path of its `__init__.py`.
    """
    with open(file, encoding="utf-8") as text:  # noqa: PTH123 (pathlib is slow to import)
        tree = ast.parse(text.read())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    sources = {
        alias.name: f"{'.' * node.level}{node.module}"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    class Package(ModuleType):
        """The package: importing one of its modules does not hide the name that is called like it."""

        def __setattr__(self, name: str, value: object) -> None:
            if not (name in sources and isinstance(value, ModuleType)):
                super().__setattr__(name, value)

    def get(name: str) -> Any:
        if name in sources:
            value = getattr(importlib.import_module(sources[name], package), name)
            setattr(sys.modules[package], name, value)
            return value
        try:
            return importlib.import_module(f"{package}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{package}.{name}":
                raise
            raise AttributeError(f"module {package!r} has no attribute {name!r}") from None

    sys.modules[package].__class__ = Package
    return get, lambda: sorted(sources), sorted(sources)
