"""`hyle envs`: separate environments, for models whose packages are not installed or conflict with others."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from hyle.zoo import (
    Environment,
    InputError,
    describe,
    did_you_mean,
    find_card,
    list_environments,
    list_models,
    remove_environment,
    shorten,
)

from ..console import print_table, say
from ..interrupts import INTERRUPTS
from ..options import json_option, print_json


@click.group(short_help="Manage separate environments of models.")
def command() -> None:
    """Build, list and remove separate Python environments for models.

    Some models need packages that are not installed here or that conflict with others. `hyle embed` builds an
    environment for such a model when it is first used; these commands do it by hand. Packages are installed with pip,
    with your own pip settings.
    """


@command.command("list", short_help="List the environments.")
@json_option
def list_command(as_json: bool) -> None:
    """List the environments that exist, with their sizes and folders."""
    environments = list_environments()
    if as_json:
        print_json([{**env, "folder": str(env["folder"])} for env in environments])
    elif not environments:
        click.echo("there are no environments; to build one: hyle envs build MODEL")
    else:
        rows = [
            (env["name"], "complete" if env["complete"] else "incomplete", _size(env),
             ", ".join(env["requirements"]), env["folder"])
            for env in environments
        ]  # fmt: skip
        print_table(("name", "state", "size", "requirements", "folder"), rows, right=("size",))


@command.command("build", short_help="Build the environments of models.")
@click.argument("models", nargs=-1, required=True)
@click.option("--dry-run", is_flag=True, help="Print the commands without running them.")
def build_command(models: tuple[str, ...], dry_run: bool) -> None:
    """Build the environments of MODELS that do not exist yet.

    \b
    Example:
      hyle envs build so3lr --dry-run
    """
    for name, environment in [(name, Environment.of(find_card(name))) for name in models]:
        if dry_run:
            click.echo(f"# {name}: {'is complete' if environment.complete else 'to be built'}")
            click.echo(describe(environment.commands()))
        else:
            complete = environment.complete
            with INTERRUPTS.unwinding():
                environment.build(notify=say)
            say(f"{name}: {environment.folder}{' exists already' if complete else ''}")


@command.command("remove", short_help="Remove environments.")
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Remove all environments, after a question.")
@click.option("--yes", is_flag=True, help="With --all: do not ask.")
def remove_command(names: tuple[str, ...], everything: bool, yes: bool) -> None:
    """Remove environments. NAMES are names of `hyle envs list`, or of models.

    \b
    Examples:
      hyle envs remove so3lr
      hyle envs remove --all       lists them with their sizes, and asks
    """
    if bool(names) == everything:
        raise click.UsageError("give the names of environments, or --all")
    environments = {env["name"]: env for env in list_environments()}
    if everything:
        chosen = list(environments)
        if not chosen:
            say("there are no environments")
        elif not _may_remove(list(environments.values()), yes=yes):
            say("nothing was removed")
            return
    else:
        chosen = [_environment_name(name, list(environments)) for name in names]
    for name in chosen:
        say(f"removed {remove_environment(name)} ({_size(environments[name])})")


def _may_remove(environments: Sequence[Mapping[str, Any]], *, yes: bool) -> bool:
    """List environments with their sizes, and ask whether to remove them."""
    for env in environments:
        say(f"{env['name']}  {_size(env):>9}  {shorten(', '.join(env['requirements']) or 'incomplete', 70)}")
    plural = "s" * (len(environments) != 1)
    total = f"{len(environments)} environment{plural}, {_size({'bytes': sum(env['bytes'] for env in environments)})}"
    if yes:
        return True
    if not sys.stdin.isatty():
        raise InputError(f"--all removes {total}: to do so without a question, add --yes")
    return click.confirm(f"remove {total}?", err=True)


def _environment_name(name: str, names: Sequence[str]) -> str:
    """Return the name of an environment that is named itself or by a model."""
    if name in names:
        return name
    cards = [card.name for card in list_models()]
    if name not in cards and ":" not in name:  # MODULE:CLASS and hf:NAME are models too
        raise InputError(
            f"no environment and no model is called {name!r}{did_you_mean(name, [*names, *cards])} `hyle envs list` "
            "lists the environments"
        )
    environment = Environment.of(find_card(name)).name
    if environment not in names:
        raise InputError(f"{name} has no environment; `hyle envs list` lists all that there are")
    return environment


def _size(env: Mapping[str, Any]) -> str:
    return f"{env['bytes'] / 1e6:,.0f} MB"
