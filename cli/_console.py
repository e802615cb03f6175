"""What people see: progress on standard error, tables on standard output."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

progress_console = Console(stderr=True, highlight=False)


def say(line: str) -> None:
    """Print one line of progress on standard error."""
    progress_console.print(line, markup=False, soft_wrap=True)


@contextmanager
def progress_bar(title: str, total: int) -> Iterator[Callable[[int, str], None]]:
    """Show a bar with the remaining time; yields a function that takes (done, text beside the title)."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=progress_console, transient=True, disable=not progress_console.is_terminal
    ) as progress:
        task = progress.add_task(title, total=total)

        def update(done: int, text: str = "") -> None:
            progress.update(task, completed=done, description=f"{title} {text}".strip())

        yield update


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """Print rows under headings; columns in ``right`` are aligned to the right."""
    console = Console(highlight=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=column == columns[0])
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    if not console.is_terminal:  # a pipe or a file has no width to fit into
        console = Console(highlight=False, width=400)
    console.print(table, markup=False)


def count(number: int) -> str:
    """Return a large number for people: 22.7 M."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)
