"""Deprecated names of arguments and attributes, accepted with a warning until the next release."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def warn_renamed(old: str, new: str) -> None:
    """Warn that a name has changed; the warning points to the line of the caller's caller."""
    message = f"{old} is now called {new}; the old name is accepted in this release only"
    warnings.warn(message, FutureWarning, stacklevel=3)


def renamed_arguments(**names: str) -> Callable[[F], F]:
    """Accept keyword arguments under their old names, with a warning.

    Args:
        names: old name -> new name.

    Returns:
        A decorator of functions.

    Raises:
        TypeError: on a call in which an argument is passed under both names.

    Example:
        >>> @renamed_arguments(metric="neighbour_metric")
        ... def f(neighbour_metric="cosine"):
        ...     return neighbour_metric
        >>> f(neighbour_metric="euclidean")
        'euclidean'
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            for old, new in names.items():
                if old in kwargs:
                    if new in kwargs:
                        raise TypeError(f"{function.__name__} got both {old}= and {new}=, which are the same argument")
                    warn_renamed(f"{old}=", f"{new}=")
                    kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return call  # type: ignore[return-value]

    return decorate


def renamed_attribute(module: str, name: str, names: Mapping[str, str], namespace: Mapping[str, Any]) -> Any:
    """Return a renamed attribute of a module, with a warning; to be called by the module's ``__getattr__``.

    Args:
        module: name of the module.
        name: the attribute that was asked for.
        names: old name -> new name.
        namespace: the globals of the module.

    Raises:
        AttributeError: ``name`` is not a renamed attribute.
    """
    if name not in names:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    warn_renamed(f"{module}.{name}", names[name])
    return namespace[names[name]]
