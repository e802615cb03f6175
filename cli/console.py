"""What people see: progress on standard error, tables on standard output."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

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

progress_console = Console(stderr=True, highlight=False)


def say(line: str) -> None:
    """Print one line of progress on standard error."""
    progress_console.print(line, markup=False, soft_wrap=True)


@contextmanager
def progress_bar(title: str, total: int | None = None) -> Iterator[Callable[[float, str], None]]:
    """Show a bar with the remaining time, of `total` things or of a share from 0 to 1.

    Yields a function that takes (things done, or the share; what goes on, which stands behind the bar).
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
        # Some stages are minutes long and report at their end alone: their speed must not be forgotten before.
        speed_estimate_period=600,
    ) as progress:
        task = progress.add_task(title, total=total or 1.0, stage="")

        def update(done: float, stage: str = "") -> None:
            progress.update(task, completed=done, stage=stage)

        yield update


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = (), keys: int | None = None
) -> None:
    """Print rows under headings; columns in ``right`` are aligned to the right.

    On a terminal that is too narrow, a table whose first ``keys`` columns say what a row is of becomes several, each
    with these and as many of the others as fit. A pipe or a file gets one table, each row in one line.
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
    """Return a large number for people: 22.7 M."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)
