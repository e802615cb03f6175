"""`hyle envs`: separate environments, for models whose packages are not installed or conflict with others."""

from __future__ import annotations

import click

from hyle.zoo import Environment, describe, find_card, list_environments, remove_environment

from ..console import print_table, say
from ..options import json_option, print_json


@click.group(short_help="Manage separate Python environments of models.")
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
            (env["name"], "complete" if env["complete"] else "incomplete", f"{env['bytes'] / 1e6:.0f} MB",
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
            environment.build(notify=say)
            say(f"{name}: {environment.folder}{' exists already' if complete else ''}")


@command.command("remove", short_help="Remove environments.")
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Remove all environments.")
def remove_command(names: tuple[str, ...], everything: bool) -> None:
    """Remove environments. NAMES are names of `hyle envs list`, or of models."""
    existing = [env["name"] for env in list_environments()]
    if bool(names) == everything:
        raise click.UsageError("give the names of environments, or --all")
    for name in existing if everything else names:
        folder = remove_environment(name if name in existing else Environment.of(find_card(name)).name)
        say(f"removed {folder}")
