"""Options that several commands share, and the helpers that build them."""

from __future__ import annotations

import functools
import inspect
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from hyle.zoo import InputError, cache_dir, check_local, is_address

from ..console import say

F = TypeVar("F", bound=Callable[..., Any])
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class LocalPath(click.Path):
    """A path on this machine; an address such as ``s3://bucket`` is an error and not a folder called ``s3:``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Check and convert the value of an option."""
        check_local(value)
        return super().convert(value, param, ctx)


class StorePath(LocalPath):
    """A folder, or an address of an object store, such as ``s3://bucket``, as text."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Check and convert the value of an option."""
        if value == "":
            self.fail("it is empty; give a folder or an address, such as s3://bucket/store", param, ctx)
        if not is_address(value):
            return super().convert(value, param, ctx)
        from hyle.zoo import Store  # imports NumPy, which short commands do without

        return str(Store(value).root)


def option_group(make: Callable[..., object], argument: str, *options: Decorator, **fixed: Any) -> Decorator:
    """Return a decorator that adds options to a command and passes their values on as one object.

    Args:
        make: a dataclass, or a function, whose arguments are the values of the options by name.
        argument: the argument of the command that receives the object.
        options: decorators as `click.option` returns them, in the order of the help.
        fixed: arguments of `make` that are no options.

    Example:
        >>> @dataclasses.dataclass(frozen=True)
        ... class Size:
        ...     width: int
        >>> @click.command()
        ... @option_group(Size, "size", click.option("--width", default=8))
        ... def command(size): print(size)
        >>> command.callback(width=3)
        Size(width=3)
    """
    names = [name for name in inspect.signature(make).parameters if name not in fixed]

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **values: Any) -> Any:
            made = make(**{name: values.pop(name) for name in names}, **fixed)
            return function(*args, **{argument: made}, **values)

        decorated: Callable[..., Any] = call
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return add


def json_option(function: F) -> F:
    """Add ``--json``: print the result as JSON."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(function)


def default_store() -> Path | str:
    """Return the default store: ``$HYLE_STORE``, a folder or an address, or else ``store`` in the user's cache."""
    chosen = os.environ.get("HYLE_STORE")
    if chosen and is_address(chosen):
        return chosen
    return Path(chosen) if chosen else cache_dir() / "store"


class _StoreOption(click.Option):
    """The option of the store, whose help names the folder that is the default here."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the option and its help."""
        record = super().get_help_record(ctx)
        return record and (record[0], f"{record[1]}  [default: {default_store()}]")


def store_option(function: F) -> F:
    """Add ``--store``: the folder or the address of an object store in which embeddings are stored."""
    return click.option(
        "--store",
        "store_path",
        type=StorePath(file_okay=False, path_type=Path),
        envvar="HYLE_STORE",
        default=default_store,
        cls=_StoreOption,
        help="Folder in which embeddings are stored, or an address s3://, gs:// or az://; HYLE_STORE sets it for all "
        "commands.",
    )(function)


def report_folder_option(function: F) -> F:
    """Add ``-o``, ``--output``: the folder of the report."""
    return click.option(
        "-o",
        "--output",
        type=LocalPath(file_okay=False, path_type=Path),
        default=Path("hyle-report"),
        show_default=True,
        help="Folder for the report.",
    )(function)


def figures_option(function: F) -> F:
    """Add ``--figures``: whether the folder of the report also gets each figure as a file."""
    return click.option(
        "--figures",
        is_flag=True,
        help="Also write each figure into the folder figures: SVG and PDF at a journal's column width, PNG, and CSV.",
    )(function)


def renamed_option(name: str, *, old: str, **attributes: Any) -> Callable[[F], F]:
    """Return an option that is also accepted under its old name, with a note on standard error.

    Args:
        name: the option, such as ``--n-labels``.
        old: its old name.
        attributes: keyword arguments of `click.option`.
    """

    def take_old(ctx: click.Context, _: click.Parameter, value: Any) -> None:
        if value is not None:
            say(f"note: {old} is now called {name}; the old name is accepted in this release only")
            ctx.meta[name] = value

    def take(ctx: click.Context, _: click.Parameter, value: Any) -> Any:
        return ctx.meta.get(name, value)

    def add(function: F) -> F:
        kind = {"type": attributes["type"]} if "type" in attributes else {}
        hidden = click.option(old, hidden=True, expose_value=False, is_eager=True, callback=take_old, **kind)
        return hidden(click.option(name, callback=take, **attributes)(function))

    return add


def stored_options(function: F) -> F:
    """Add ``--dataset``, ``--layer`` and ``--pooling``, which select among the stored embeddings of a model."""
    for name, text in (
        ("pooling", "Use the stored embeddings of this pooling."),
        ("layer", "Use the stored embeddings of this layer."),
        ("dataset", "Use the stored embeddings of this data set: NAME, NAME-VERSION or a file."),
    ):
        function = click.option(f"--{name}", help=text)(function)
    return function


def split(names: str | None) -> list[str] | None:
    """Split a comma-separated list and drop repetitions; None stays None.

    Raises:
        InputError: the list is empty.
    """
    if names is None:
        return None
    parts = list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    if not parts:
        raise InputError("an empty list of names was given: omit the option to use its default")
    return parts


def print_json(value: Any) -> None:
    """Print a result as JSON on standard output; only as ASCII if it is not UTF-8, so that no character is lost."""
    click.echo(json_text(value, ascii_only=not (sys.stdout.encoding or "").lower().startswith("utf")))


def json_text(value: Any, *, ascii_only: bool = False) -> str:
    """Format a result as JSON; NaN and infinity, which JSON does not have, become null.

    Args:
        value: the result.
        ascii_only: whether to write other characters as escape sequences.
    """
    # A file name that is not valid text contains lone surrogates, which only the escape sequences can hold.
    text = json.dumps(_plain(value), indent=2, ensure_ascii=ascii_only)
    return text if _is_encodable(text) else json.dumps(_plain(value), indent=2)


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    return value if isinstance(value, str | int | bool) or value is None else str(value)
