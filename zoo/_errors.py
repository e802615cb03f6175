"""Errors that hyle raises on purpose: the message says what is wrong and what to do; anything else is a bug.

The engine has its own, since neither package knows the other.
"""

from __future__ import annotations


class HyleError(Exception):
    """Base of all errors that the zoo and the command line raise on purpose."""


class InputError(HyleError, ValueError):
    """A file, a model or an option that cannot be used."""


class InputTypeError(HyleError, TypeError):
    """An input of a type that cannot be used."""


class MissingFileError(HyleError, FileNotFoundError):
    """A file that does not exist."""


class MissingPackageError(HyleError, ImportError):
    """A package that is needed and not installed; the message says how to install it."""


class DownloadError(HyleError, ConnectionError):
    """A file that could not be downloaded."""


class OutputError(HyleError, OSError):
    """A file or a folder that cannot be written."""


class OperationError(HyleError, RuntimeError):
    """A model, an environment or another process that failed."""
