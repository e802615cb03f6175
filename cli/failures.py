"""How an error ends a command: in one line on standard error, and with ``--json`` also as JSON on standard output."""

from __future__ import annotations

import os
import traceback

import click

from hyle.zoo import describe_user_error, is_on_purpose, missing_package

BUG = "This is a bug in hyle. Please report it with the traceback below and the command."
EXIT_CODE = 2


def report(error: Exception, *, as_json: bool) -> bool:
    """Report an error that ends a command.

    Args:
        error: what was raised.
        as_json: whether the command prints JSON.

    Returns:
        Whether the error is one of the user's; otherwise it is a bug in hyle and should be raised for its traceback.
    """
    message = _message(error)
    if as_json:
        from .options import print_json

        text = one_line(error) if message is None else message
        print_json({"error": {"type": type(error).__name__, "message": text}})
    if message is None:
        click.echo(BUG, err=True)
    elif isinstance(error, click.ClickException) and not as_json:
        error.show()  # with the usage of the command
    else:
        if os.environ.get("HYLE_DEBUG"):
            traceback.print_exception(error)
        click.echo(f"Error: {message}", err=True)
    return message is not None


def _message(error: Exception) -> str | None:
    """Return the line that explains an error of the user's, or None for a bug."""
    if isinstance(error, click.ClickException):
        return " ".join(error.format_message().split())
    if is_on_purpose(error):
        return one_line(error)
    if isinstance(error, ImportError) and (missing := missing_package(error)):
        return missing
    place = describe_user_error(error)
    return place and f"{place}; to see the traceback, set HYLE_DEBUG=1"


def one_line(error: BaseException) -> str:
    """Return the message of an error as one line."""
    return " ".join(str(error).split()) or type(error).__name__
