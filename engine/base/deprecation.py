"""Old names of arguments and attributes, accepted with a warning until the next release."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def warn_renamed(old: str, new: str) -> None:
    """Warn, at the line of the caller's caller, that a name has changed."""
    message = f"{old} is now called {new}; the old name is accepted in this release only"
    warnings.warn(message, FutureWarning, stacklevel=3)


def renamed_arguments(**names: str) -> Callable[[F], F]:
    """Accept keyword arguments under their old names, with a warning.

    Args:
        names: old name -> new name.

    Raises:
        TypeError: when called, an argument is given under both names.

    Example:
        >>> @renamed_arguments(metric="neighbour_metric")
        ... def f(neighbour_metric="cosine"):
        ...     return neighbour_metric
        >>> f(neighbour_metric="euclidean")
        'euclidean'
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def call(*args: Any, **given: Any) -> Any:
            for old, new in names.items():
                if old in given:
                    if new in given:
                        raise TypeError(f"{function.__name__} was given both {old}= and {new}=, which are the same")
                    warn_renamed(f"{old}=", f"{new}=")
                    given[new] = given.pop(old)
            return function(*args, **given)

        return call  # type: ignore[return-value]

    return decorate


def renamed_attribute(module: str, name: str, names: Mapping[str, str], namespace: Mapping[str, Any]) -> Any:
    """Return what a module now has under another name, with a warning; for the module's ``__getattr__``.

    Raises:
        AttributeError: no such name, old or new.
    """
    if name not in names:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    warn_renamed(f"{module}.{name}", names[name])
    return namespace[names[name]]
