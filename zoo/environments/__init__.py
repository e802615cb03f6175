"""Isolated Python environments, and the worker that runs a model in one."""

from typing import TYPE_CHECKING

from ..base import lazy_names

if TYPE_CHECKING:
    from .environment import Environment as Environment
    from .environment import describe as describe
    from .environment import list_environments as list_environments
    from .environment import remove_environment as remove_environment
    from .environment import versions_of as versions_of
    from .memory import keep_freed_memory as keep_freed_memory
    from .wire import from_wire as from_wire
    from .worker import Worker as Worker
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
