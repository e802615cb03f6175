"""The command group: it finds the commands, prepares the process, and reports errors in one line."""

from __future__ import annotations

import difflib
import importlib
import os
import pkgutil
import sys
from typing import Any

import click

from hyle.zoo import cache_dir, is_on_purpose

# The order in which a newcomer needs the commands; commands that are not listed here come last.
ORDER = (
    *("run", "models", "datasets", "metrics", "embed", "compare", "dimension", "analyse"),
    *("benchmark", "leaderboard", "report"),
    *("distill", "study"),
    *("doctor", "fetch", "envs"),
)


class Commands(click.Group):
    """A group that finds its commands in the folder ``commands`` and imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the files in ``commands``, in the order of the help."""
        from . import commands

        names = [module.name for module in pkgutil.iter_modules(commands.__path__)]
        return sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None where there is none of this name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        return importlib.import_module(f"{__package__}.commands.{cmd_name}").command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments name; for an unknown name, the error suggests the closest."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            close = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            hint = f" Did you mean '{close[0]}'?" if close and "id you mean" not in error.message else ""
            raise click.UsageError(f"{error.message}{hint}", ctx) from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="hyle", message="hyle %(version)s")
def cli() -> None:
    """Measure whether scientific models share one picture of matter.

    hyle embeds molecules, crystals and proteins with pretrained models, and measures how similar the embeddings of
    different models are, next to the similarity expected by chance.

    \b
    To start:
      hyle run                  compare pretrained models on molecules of QM9
      hyle compare a.npz b.npz  compare your own embeddings
      hyle COMMAND --help       explains a command and all its options
    """


def main() -> None:
    """Run the command line and exit: code 0 for success, 2 for an error of the user's, 130 for an interruption.

    Raises:
        Exception: an error that hyle does not raise on purpose, which is a bug and keeps its traceback.
    """
    prepare_process()
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; finished work is stored, and the same command continues", err=True)
        sys.exit(130)
    except Exception as error:
        if not is_on_purpose(error):
            click.echo("This is a bug in hyle. Please report it with the traceback below and the command.", err=True)
            raise
        if os.environ.get("HYLE_DEBUG"):
            raise
        click.echo(f"Error: {one_line(error)}", err=True)
        sys.exit(2)


def one_line(error: BaseException) -> str:
    """Return the message of an error as one line."""
    return " ".join(str(error).split()) or type(error).__name__


def prepare_process() -> None:
    """Set the environment of a process of the command line, unless the user has set it; never done on import."""
    settings: dict[str, Any] = {
        # JAX and torch share the GPU here: neither may take all of its memory at once.
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        # Compiled programs are kept, so that a second run of the same shapes starts in seconds.
        "JAX_COMPILATION_CACHE_DIR": str(cache_dir() / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
        # Threads that wait by spinning make small torch models several times slower on a machine that is not idle.
        "OMP_WAIT_POLICY": "passive",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TOKENIZERS_PARALLELISM": "false",
    }
    for name, value in settings.items():
        os.environ.setdefault(name, value)
