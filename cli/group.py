"""The command group: it finds the commands and imports a command when it is called."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import click

from .interrupts import Interrupted

# The commands as `hyle --help` lists them, with their short help, so that no command has to be imported for it. A test
# compares it with the commands; those that are not listed here come last.
GROUPS = {
    "Measure": {
        "run": "Embed, compare and report in one step.",
        "compare": "Compare embeddings, all with all.",
        "dimension": "Estimate intrinsic dimensions.",
        "neighbours": "Show the nearest neighbours of a sample.",
        "map": "Draw maps whose points show their structures.",
        "contested": "Find the samples that models disagree on.",
        "analyse": "Draw conclusions from a comparison.",
        "stitch": "Apply a head of one model to another.",
        "arithmetic": "Test embedding arithmetic: A - B + C = D.",
        "consensus": "Extract what models have in common.",
        "report": "Write the HTML report of a comparison.",
        "benchmark": "Compare a model with a panel of models.",
        "leaderboard": "Build a website from benchmark results.",
        "study": "Repeat the study arXiv:2512.03750.",
    },
    "Models, samples and metrics": {
        "models": "List the models and which of them run here.",
        "datasets": "List the built-in data sets.",
        "metrics": "List the metrics and what each measures.",
        "embed": "Embed samples with models.",
        "store": "Check, complete and clean up stored embeddings.",
        "distill": "Train a small model to match other models.",
    },
    "Environment": {
        "doctor": "Check this installation.",
        "fetch": "Download weights ahead of time.",
        "envs": "Manage separate environments of models.",
    },
}
SHORT_HELP = {name: text for group in GROUPS.values() for name, text in group.items()}


class Commands(click.Group):
    """A group that finds its commands in the folder ``commands`` and imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the files in ``commands``, in the order of the help."""
        from . import commands

        names = {module.name for module in pkgutil.iter_modules(commands.__path__)}
        return [*(name for name in SHORT_HELP if name in names), *sorted(names - SHORT_HELP.keys())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None where there is none of this name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        return importlib.import_module(f"{__package__}.commands.{cmd_name}").command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; click would print an empty line for an interrupt, and take EOFError for one."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            raise Interrupted from interrupt
        except EOFError as error:
            raise RuntimeError(f"EOFError: {error}") from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with their short help, in groups, without importing those of `GROUPS`."""
        names = self.list_commands(ctx)
        others = [(name, self.get_command(ctx, name)) for name in names if name not in SHORT_HELP]
        groups = {title: [row for row in group.items() if row[0] in names] for title, group in GROUPS.items()}
        groups["Other commands"] = [(name, each.get_short_help_str(formatter.width)) for name, each in others if each]
        width = max(map(len, names))
        for title, rows in groups.items():
            if rows:
                with formatter.section(title):
                    formatter.write_dl([(name.ljust(width), text) for name, text in rows])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments name; for an unknown name, the error suggests the closest."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from hyle.zoo import did_you_mean

            hint = "" if "id you mean" in error.message else did_you_mean(args[0], self.list_commands(ctx)).rstrip(".")
            raise click.UsageError(f"{error.message.rstrip('.')}{hint or '.'}", ctx) from None


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
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

    An error is one line; with HYLE_DEBUG=1 in the environment its traceback is shown as well.
    """
