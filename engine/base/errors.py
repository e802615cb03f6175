"""Errors that hyle raises deliberately: the message says what is wrong and how to fix it; any other error is a bug."""

from __future__ import annotations


class HyleError(Exception):
    """Base class of all errors that the engine raises deliberately."""


class InputError(HyleError, ValueError):
    """An input or an option with an invalid value."""


class InputTypeError(HyleError, TypeError):
    """An input of an unsupported type."""


class MissingFileError(HyleError, FileNotFoundError):
    """A file that does not exist."""


class MissingPackageError(HyleError, ImportError):
    """A required package that is not installed; the message says how to install it."""


class OutputError(HyleError, OSError):
    """A file or a folder that cannot be written."""
