"""Environments of their own, for models whose libraries disagree with others."""

from __future__ import annotations

import click

from hyle.zoo import Environment, describe, find_card, list_environments, remove_environment

from ..console import print_table, say
from ..options import json_option, print_json


@click.group()
def command() -> None:
    """Build, list and remove the environments of models.

    `hyle embed` builds what it needs by itself; pip installs, by your own settings of it.
    """


@command.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """List the environments that are kept."""
    found = list_environments()
    if as_json:
        print_json([{**one, "folder": str(one["folder"])} for one in found])
    elif not found:
        click.echo("no environments are kept; `hyle envs build MODEL` makes one")
    else:
        rows = [
            (one["name"], "complete" if one["complete"] else "incomplete", f"{one['bytes'] / 1e6:.0f} MB",
             ", ".join(one["requirements"]), one["folder"])
            for one in found
        ]  # fmt: skip
        print_table(("name", "state", "size", "requirements", "folder"), rows, right=("size",))


@command.command("build")
@click.argument("models", nargs=-1, required=True)
@click.option("--dry-run", is_flag=True, help="Print what would be run, and run nothing.")
def build_command(models: tuple[str, ...], dry_run: bool) -> None:
    """Build the environments of MODELS, those that are not there yet.

    \b
    hyle envs build so3lr --dry-run
    """
    for name, environment in [(name, Environment.of(find_card(name))) for name in models]:
        if dry_run:
            click.echo(f"# {name}: {'is complete' if environment.complete else 'to be built'}")
            click.echo(describe(environment.commands()))
        else:
            built = environment.complete
            environment.build(notify=say)
            say(f"{name}: {environment.folder}{' was there already' if built else ''}")


@command.command("remove")
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Remove all of them.")
def remove_command(names: tuple[str, ...], everything: bool) -> None:
    """Remove environments, by the NAMES of `hyle envs list` or by a model's name."""
    known = [one["name"] for one in list_environments()]
    if bool(names) == everything:
        raise click.UsageError("name the environments to remove, or say --all")
    for name in known if everything else names:
        say(f"removed {remove_environment(name if name in known else Environment.of(find_card(name)).name)}")
