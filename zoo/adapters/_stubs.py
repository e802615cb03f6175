"""Stubs for modules that libraries import but that hyle does not need."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any


@contextmanager
def stub_modules(modules: Mapping[str, Mapping[str, Any]]) -> Iterator[None]:
    """Provide stubs for modules that are not installed, for the duration of an import; loaded modules are kept.

    Args:
        modules: module name -> names in it, parent modules first.
    """
    missing = [name for name in modules if name not in sys.modules]
    for name in missing:
        sys.modules[name] = ModuleType(name)
        vars(sys.modules[name]).update(modules[name])
        parent, _, child = name.rpartition(".")
        if parent in missing:
            setattr(sys.modules[parent], child, sys.modules[name])
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]
