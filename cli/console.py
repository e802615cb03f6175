"""Terminal output: progress on standard error, tables on standard output."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from rich import box
from rich.console import Console
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
from rich.table import Table

P = ParamSpec("P")
T = TypeVar("T")
progress_console = Console(stderr=True, highlight=False)


def say(line: str) -> None:
    """Print one line on standard error."""
    progress_console.print(line, markup=False, soft_wrap=True)


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
        console=progress_console,
        transient=True,
        disable=not progress_console.is_terminal,
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

        def update(done: float, stage: str = "") -> None:
            """Show nothing."""

        yield update


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


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = (), keys: int | None = None
) -> None:
    """Print a table on standard output.

    On a terminal that is too narrow, the columns are split over several tables, each of which repeats the first `keys`
    columns. A pipe or a file gets one table with one line per row.

    Args:
        columns: the headings.
        rows: the cells of each row; None becomes an empty cell.
        right: the columns that are aligned to the right.
        keys: the number of leading columns that identify a row; default None never splits the table.
    """
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=10_000)
    for part in [range(len(columns))] if keys is None else _fitting(columns, rows, keys, console.width):
        _print_part(console, [columns[i] for i in part], [[row[i] for i in part] for row in rows], right)


def _fitting(
    columns: Sequence[str], rows: Sequence[Sequence[object]], keys: int, width: int
) -> Iterator[Sequence[int]]:
    # Headings may break between words, cells may not; three for the space between columns.
    needed = [
        3 + max([*map(len, heading.split()), *(len(str(row[i])) for row in rows)]) for i, heading in enumerate(columns)
    ]
    first = list(range(keys))
    part, used = [*first], sum(needed[:keys])
    for i in range(keys, len(columns)):
        if used + needed[i] > width and len(part) > keys:
            yield part
            part, used = [*first], sum(needed[:keys])
        part, used = [*part, i], used + needed[i]
    yield part


def _print_part(
    console: Console, columns: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[str]
) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=column == columns[0])
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    console.print(table, markup=False)


def count(number: int) -> str:
    """Format a large number with three significant digits and a unit, such as 22.7 M."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)
