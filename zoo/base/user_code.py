"""Errors in code of the user, such as an adapter: the place and the message in one line."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

from .text import MAX_REASON, shorten

_PACKAGES = ("site-packages", "dist-packages")
_HYLE = Path(__file__).parents[2]
_TOPS = [_HYLE / name for name in ("hyle", "engine", "zoo", "cli")]


def describe_user_error(error: BaseException) -> str | None:
    """Return the type, message and place of an error that was raised in or below code of the user.

    Code of the user is what is neither hyle's, nor an installed package, nor part of Python.

    Args:
        error: the error, with its traceback.

    Returns:
        Such as ``KeyError: 'mass' (mine.py:12, in forward)``, with the innermost line of the user's code; None if no
        code of the user was running.
    """
    if isinstance(error, SyntaxError) and error.filename and _is_users(error.filename):
        return f"{type(error).__name__}: {error.msg} ({_shown(error.filename)}:{error.lineno})"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename)]
    if not frames:
        return None
    message = shorten(" ".join(str(error).split()), MAX_REASON)
    place = f"{_shown(frames[-1].filename)}:{frames[-1].lineno}, in {frames[-1].name}"
    return f"{type(error).__name__}{f': {message}' if message else ''} ({place})"


def _is_users(filename: str) -> bool:
    path = Path(filename).resolve()
    if not path.is_file():  # such as <string>, or a file of which a package was compiled
        return False
    if any(part in _PACKAGES for part in path.parts):
        return False
    python = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib")]
    return not any(path.is_relative_to(folder) for folder in (*_TOPS, *(Path(p).resolve() for p in python if p)))


def _shown(filename: str) -> str:
    path = Path(filename).resolve()
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
