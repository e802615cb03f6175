"""Errors that hyle raises on purpose: the message says what is wrong and what to do; anything else is a bug."""

from __future__ import annotations


class HyleError(Exception):
    """Base of all errors that the engine raises on purpose."""


class InputError(HyleError, ValueError):
    """An input or an option that cannot be used."""


class InputTypeError(HyleError, TypeError):
    """An input of a type that cannot be used."""


class MissingFileError(HyleError, FileNotFoundError):
    """A file that does not exist."""


class MissingPackageError(HyleError, ImportError):
    """A package that is needed and not installed; the message says how to install it."""


class OutputError(HyleError, OSError):
    """A file or a folder that cannot be written."""
