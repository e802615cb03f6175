"""`python -m bench.report [FILE]`: write the table and the chart of a results file without measuring."""

from __future__ import annotations

from pathlib import Path

import click

from .chart import save_chart
from .results import FOLDER, Results, load
from .table import markdown


def write_report(results: Results, path: Path) -> list[Path]:
    """Write the table and, if there is something to show, the chart next to the results; return all paths."""
    table = path.with_suffix(".md")
    table.write_text(markdown(results))
    chart = save_chart(results, path.with_suffix(".svg"))
    return [path, table, *([chart] if chart else [])]


@click.command()
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path), default=FOLDER / "cpu.json")
def main(path: Path) -> None:
    """Write the table and the chart of a results file next to it."""
    try:
        results = load(path)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    for written in write_report(results, path):
        click.echo(f"wrote {written}")


if __name__ == "__main__":
    main()
