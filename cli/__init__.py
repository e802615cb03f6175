"""The ``hyle`` command line: click commands in `commands`, the work they do as plain functions in `jobs`.

Importing this package imports almost nothing, so that a process can take interrupts from its start.
"""

from typing import TYPE_CHECKING, Any

from .main import main as main

__all__ = ["cli", "main"]

if TYPE_CHECKING:
    from .group import cli as cli


def __getattr__(name: str) -> Any:
    if name == "cli":
        from .group import cli

        return cli
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
