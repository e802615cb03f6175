"""Terminal output: progress on standard error; `tables` has the tables on standard output."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click

from .tables import count as count
from .tables import print_paragraph as print_paragraph
from .tables import print_table as print_table

if TYPE_CHECKING:
    from rich.console import Console

P = ParamSpec("P")
T = TypeVar("T")
_silent = False


@functools.cache
def progress_console() -> Console:
    """Return the console of progress bars, on standard error."""
    from rich.console import Console  # imported here because few commands have a bar, and it takes time

    return Console(stderr=True, highlight=False)


def has_terminal() -> bool:
    """Return whether standard error is a terminal, which shows progress."""
    return sys.stderr.isatty()


def silence() -> None:
    """Show neither progress nor lines from here on: in all but the first of several processes."""
    global _silent
    _silent = True


def say(line: str) -> None:
    """Print one line on standard error, above a progress bar."""
    if _silent:
        return
    if has_terminal():
        progress_console().print(line, markup=False, soft_wrap=True)
    else:
        click.echo(line, err=True)


def _ignore(done: float, stage: str = "") -> None:
    """Show nothing."""


@contextmanager
def progress_bar(title: str, total: int | None = None) -> Iterator[Callable[[float, str], None]]:
    """Show a progress bar with the remaining time.

    Args:
        title: the text before the bar.
        total: the number of items; default None for a fraction from 0 to 1.

    Yields:
        A function that takes the number of items done, or the fraction, and the current stage, which is shown after
        the bar.
    """
    if _silent or not has_terminal():
        yield _ignore
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        SpinnerColumn,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    done_column: ProgressColumn = TaskProgressColumn() if total is None else MofNCompleteColumn()
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        done_column,
        TimeRemainingColumn(),
        TextColumn("{task.fields[stage]}"),
    )
    with Progress(
        *columns,
        console=progress_console(),
        transient=True,
        # Some stages take minutes and report only when they end, so the speed is averaged over a long period.
        speed_estimate_period=600,
    ) as progress:
        task = progress.add_task(title, total=total or 1.0, stage="")

        def update(done: float, stage: str = "") -> None:
            progress.update(task, completed=done, stage=stage)

        yield update


class SilentProgress:
    """The progress of a job that shows nothing."""

    def say(self, line: str) -> None:
        """Report one line on the result."""

    @contextmanager
    def bar(self, title: str, total: int | None = None) -> Iterator[Callable[[float, str], None]]:
        """Open a progress bar; see `progress_bar`."""
        yield _ignore


class TerminalProgress(SilentProgress):
    """The progress of a job, shown on standard error."""

    say = staticmethod(say)
    bar = staticmethod(progress_bar)


SILENT = SilentProgress()


def with_progress(job: Callable[P, T], *, prepare: Callable[[], object] | None = None) -> Callable[P, T]:
    """Return a job that shows its progress on standard error.

    Args:
        job: a function with the argument ``progress``.
        prepare: called before the job.
    """

    @functools.wraps(job)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        if prepare is not None:
            prepare()
        kwargs.setdefault("progress", TerminalProgress())
        return job(*args, **kwargs)

    return run
