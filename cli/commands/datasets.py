"""List the data sets."""

from __future__ import annotations

import dataclasses

import click

from hyle.zoo import list_datasets

from .._console import print_table
from .._options import json_option, print_json


@click.command()
@json_option
def command(as_json: bool) -> None:
    """List the built-in data sets."""
    infos = list_datasets()
    if as_json:
        print_json([dataclasses.asdict(info) for info in infos])
        return
    rows = [
        (
            info.name,
            info.domain,
            f"{info.total:,}",
            f"{info.slice.size:,} (seed {info.slice.seed})",
            f"{info.archive_bytes / 1e6:.0f} MB",
            info.licence,
            info.title,
        )
        for info in infos
    ]
    headings = ("data set", "domain", "samples", "without download", "download of all", "licence", "what")
    print_table(headings, rows, right=("samples", "download of all"))
