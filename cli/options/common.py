"""Options that several commands share."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from hyle.zoo import InputError, cache_dir

from ..console import say

F = TypeVar("F", bound=Callable[..., Any])


def json_option(function: F) -> F:
    """``--json``: print the result for programs."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(function)


def default_store() -> Path:
    """Where representations are kept when nobody says: ``$HYLE_STORE``, else the user's cache folder."""
    chosen = os.environ.get("HYLE_STORE")
    return Path(chosen) if chosen else cache_dir() / "store"


def store_option(function: F) -> F:
    """``--store``: the folder of kept representations."""
    return click.option(
        "--store",
        "store_path",
        type=click.Path(file_okay=False, path_type=Path),
        envvar="HYLE_STORE",
        default=default_store,
        show_default="$HYLE_STORE or the user's cache folder",
        help="Folder in which representations are kept.",
    )(function)


def renamed_option(name: str, *, old: str, **attributes: Any) -> Callable[[F], F]:
    """Return an option that is also accepted under its old name, with a warning.

    Args:
        name: such as ``--n-labels``.
        old: what it was called.
        attributes: of `click.option`.
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
    """``--dataset``, ``--layer``, ``--pooling``: which of the stored representations of a model."""
    for name, what in (("pooling", "pooling"), ("layer", "layer"), ("dataset", "data set, NAME, NAME-VERSION or file")):
        function = click.option(f"--{name}", help=f"Of what is stored, take this {what}.")(function)
    return function


def split(names: str | None) -> list[str] | None:
    """Return a comma-separated list without repetitions, None where nothing was given."""
    if names is None:
        return None
    found = list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    if not found:
        raise InputError("an empty list of names was given: leave the option out for the default")
    return found


def print_json(value: Any) -> None:
    """Print a result as JSON."""
    click.echo(json_text(value))


def json_text(value: Any) -> str:
    """Return JSON; numbers that JSON lacks (NaN, infinity) become null."""
    return json.dumps(_plain(value), indent=2, ensure_ascii=False)


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
