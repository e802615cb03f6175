"""Errors that hyle raises on purpose: the message says what is wrong and what to do; any other error is a bug.

The engine defines its own errors, because neither package imports the other.
"""

from __future__ import annotations


class HyleError(Exception):
    """Base class of all errors that the zoo and the command line raise on purpose."""


class InputError(HyleError, ValueError):
    """A file, a model or an option that cannot be used."""


class InputTypeError(HyleError, TypeError):
    """An input of an unsupported type."""


class MissingFileError(HyleError, FileNotFoundError):
    """A file that does not exist."""


class MissingPackageError(HyleError, ImportError):
    """A required package that is not installed; the message says how to install it."""


class DownloadError(HyleError, ConnectionError):
    """A file that could not be downloaded."""


class OutputError(HyleError, OSError):
    """A file or a folder that cannot be written."""


class OperationError(HyleError, RuntimeError):
    """A model, an environment or another process that failed."""
