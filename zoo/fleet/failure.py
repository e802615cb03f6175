"""An error of a worker, raised again in the process that runs the extraction."""

from __future__ import annotations

import pickle
import traceback
from dataclasses import dataclass
from typing import Any

from ..base import MissingPackageError, OperationError, describe_user_error, is_on_purpose, missing_package

DEBUG = "to see the traceback, set HYLE_DEBUG=1"


class WorkerTraceback(Exception):  # noqa: N818 (a cause that shows where the error was raised, never raised itself)
    """The traceback in a worker, as text."""

    def __str__(self) -> str:
        return f"in a worker:\n{self.args[0]}"


@dataclass(frozen=True)
class Failure:
    """An error that a worker has raised.

    Args:
        error: its class, arguments and attributes, pickled; empty if they cannot be.
        line: what to report if it cannot be unpickled here.
        trace: its traceback.
    """

    error: bytes
    line: str
    trace: str

    @classmethod
    def of(cls, error: Exception, host: str = "") -> Failure:
        """Describe an error where it was raised, as what the command line makes of errors depends on the traceback.

        Args:
            error: the error, with its traceback.
            host: named in the message if it is an error on purpose.
        """
        trace = "".join(traceback.format_exception(error)).rstrip()
        line = f"{type(error).__name__}: {error}"
        shown: Exception = error
        if not is_on_purpose(error):
            if isinstance(error, ImportError) and (missing := missing_package(error)):
                shown = MissingPackageError(missing)
            elif place := describe_user_error(error):
                shown = OperationError(f"{place}; {DEBUG}")
        if host and is_on_purpose(shown) and shown.args:
            shown.args = (f"on {host}: {shown.args[0]}", *shown.args[1:])
        try:
            parts = pickle.dumps((type(shown), shown.args, vars(shown)))
        except Exception:  # attributes of any kind
            parts = b""
        return cls(parts, line, trace)

    def raised(self) -> Exception:
        """Return the error, with the traceback of the worker as its cause."""
        try:
            error = _restored(*pickle.loads(self.error))
        except Exception:  # no such class here, or it could not be pickled
            error = RuntimeError(self.line)
        error.__cause__ = WorkerTraceback(self.trace)
        return error


def _restored(kind: type[Exception], args: tuple[Any, ...], attributes: dict[str, Any]) -> Exception:
    # Without __init__, which may take other arguments than those that the error has kept.
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(attributes)
    return error
