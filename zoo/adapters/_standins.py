"""Modules that libraries import and hyle has no use for."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any


@contextmanager
def standing_in(modules: Mapping[str, Mapping[str, Any]]) -> Iterator[None]:
    """Let a library import names from modules that are not installed; those that are loaded already stay.

    Args:
        modules: name of a module -> its names, outer modules first.
    """
    absent = [name for name in modules if name not in sys.modules]
    for name in absent:
        sys.modules[name] = ModuleType(name)
        vars(sys.modules[name]).update(modules[name])
        outer, _, inner = name.rpartition(".")
        if outer in absent:
            setattr(sys.modules[outer], inner, sys.modules[name])
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
