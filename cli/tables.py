"""Tables on standard output, for terminals of any width and for pipes."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

# A column of text that breaks between words gets no narrower than this.
TEXT_WIDTH = 24
# Between two columns.
GAP = 3
# The cell of a number that is not defined.
DASH = "–"


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    right: Sequence[str] = (),
    keys: int | None = None,
    text: Sequence[str] = (),
    drop: Sequence[str] = (),
) -> None:
    """Print a table on standard output, without blank lines around it and without blanks at the ends of lines.

    A column in which every cell is empty or a dash is omitted, and a line below the table names it.

    A pipe or a file gets one table with one line for the heading and one for each row. On a terminal that is too
    narrow, the columns named in `drop` are left out, the first of them first, which a line below the table says; then
    the other columns are split over several tables, each of which repeats the first `keys` columns.

    Args:
        columns: the headings.
        rows: the cells of each row; None becomes an empty cell.
        right: the columns that are aligned to the right.
        keys: the number of leading columns that identify a row; default None never splits the table.
        text: the columns whose cells may be broken between words on a terminal; by default all but the first if `keys`
            and `drop` are not given, else none.
        drop: the columns that a narrow terminal can do without; the command has to have ``--json``.
    """
    from rich.console import Console

    console = Console(highlight=False)
    columns, rows, undefined = _defined(columns, rows, keys or 1)
    right, text, drop = ([name for name in names if name in columns] for names in (right, text, drop))
    if len(columns) <= (keys or 1) and undefined:
        click.echo(f"no table, since no row has a value: {', '.join(undefined)}")
        return
    _print_whole(console, columns, rows, right, keys, text, drop)
    if undefined:
        click.echo(f"not shown, since no row has a value: {', '.join(undefined)}")


def _defined(
    columns: Sequence[str], rows: Sequence[Sequence[object]], keys: int
) -> tuple[list[str], list[list[object]], list[str]]:
    """Return the columns and rows without the columns that no row has a value of, and the names of these columns."""
    kept = [
        i for i in range(len(columns)) if i < keys or not rows or any(_shown(row[i]) not in ("", DASH) for row in rows)
    ]
    undefined = [name for i, name in enumerate(columns) if i not in kept]
    return [columns[i] for i in kept], [[row[i] for i in kept] for row in rows], undefined


def _print_whole(
    console: Console,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    right: Sequence[str],
    keys: int | None,
    text: Sequence[str],
    drop: Sequence[str],
) -> None:
    from rich.console import Console

    if keys is None and not drop:
        text = text or columns[1:]
    if not console.is_terminal:
        _print_part(Console(highlight=False, width=100_000), columns, rows, right, text, ruled=False)
        return
    needed = dict(zip(columns, _widths(columns, rows, text), strict=True))
    left_out = []
    for name in drop:
        if sum(needed.values()) - GAP > console.width:
            del needed[name]
            left_out.append(name)
    kept = [i for i, name in enumerate(columns) if name in needed]
    parts = [kept] if keys is None else list(_split(kept, list(needed.values()), keys, console.width))
    for number, part in enumerate(parts):
        if number:
            click.echo()
        cells = [[row[i] for i in part] for row in rows]
        _print_part(console, [columns[i] for i in part], cells, right, text, ruled=True)
    if left_out:
        click.echo(f"not shown at this width: {', '.join(left_out)}; --json has all")


def _widths(columns: Sequence[str], rows: Sequence[Sequence[object]], text: Sequence[str]) -> list[int]:
    """Return the width that each column needs; headings may break between words, cells only in columns of text."""
    widths = []
    for i, heading in enumerate(columns):
        cells = [_shown(row[i]) for row in rows]
        longest = max(map(len, cells), default=0)
        if heading in text:
            longest = max(min(longest, TEXT_WIDTH), *(len(word) for cell in cells for word in cell.split()), 0)
        widths.append(GAP + max(longest, *map(len, heading.split()), 0))
    return widths


def _split(columns: Sequence[int], widths: Sequence[int], keys: int, width: int) -> Iterator[list[int]]:
    part, used = list(columns[:keys]), sum(widths[:keys])
    for column, needed in zip(columns[keys:], widths[keys:], strict=True):
        if used + needed - GAP > width and len(part) > keys:
            yield part
            part, used = list(columns[:keys]), sum(widths[:keys])
        part, used = [*part, column], used + needed
    yield part


def _print_part(
    console: Console,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    right: Sequence[str],
    text: Sequence[str],
    *,
    ruled: bool,
) -> None:
    from rich import box
    from rich.table import Table

    look = {"box": box.SIMPLE_HEAD, "padding": (0, 1)} if ruled else {"box": None, "padding": (0, GAP - 1, 0, 0)}
    table = Table(show_edge=False, pad_edge=False, **look)
    cells = [[_shown(row[i]) for row in rows] for i in range(len(columns))]
    longest = [max(map(len, own), default=0) for own in cells]
    full = sum(GAP + max(len(column), most) for column, most in zip(columns, longest, strict=True)) - GAP
    wide = ruled and full > console.width
    for column, own, most in zip(columns, cells, longest, strict=True):
        # Rich breaks a heading only where it may break the cells as well.
        lines = textwrap.wrap(column, max(most, *map(len, column.split()), 1)) if wide else [column]
        justify: Literal["left", "right"] = "right" if column in right else "left"
        least = _widths([column], [[cell] for cell in own], text)[0] - GAP if wide else None
        table.add_column("\n".join(lines), justify=justify, no_wrap=column not in text, min_width=least)
    for row in zip(*cells, strict=True):
        table.add_row(*row)
    for line in _lines(console, table):
        click.echo(line)


def _lines(console: Console, table: Table) -> Iterator[str]:
    with console.capture() as captured:
        console.print(table, markup=False)
    for line in captured.get().splitlines():
        # The codes for bold headings may follow the blanks at the end.
        yield re.sub(r"(\x1b\[[0-9;]*m| )+$", lambda end: end[0].replace(" ", ""), line)


def _shown(cell: object) -> str:
    return "" if cell is None else str(cell)


def print_paragraph(line: str) -> None:
    """Print a line on standard output, on a terminal broken between words."""
    from rich.console import Console

    console = Console(highlight=False)
    parts = textwrap.wrap(line, console.width, break_on_hyphens=False) if console.is_terminal else [line]
    click.echo("\n".join(parts))


def count(number: int) -> str:
    """Format a large number with three significant digits and a unit, such as 22.7 M."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)
