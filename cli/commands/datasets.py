"""`hyle datasets`: list the built-in data sets."""

from __future__ import annotations

import dataclasses

import click

from hyle.zoo import DatasetInfo, find_dataset, list_datasets, list_models

from ..console import print_paragraph, print_table
from ..options import json_option, print_json


def trained_on(info: DatasetInfo) -> list[str]:
    """Return the models that were trained on a data set."""
    return [card.name for card in list_models() if info.known_as in card.trained_on]


@click.command(short_help="List the built-in data sets.")
@click.argument("names", nargs=-1)
@json_option
def command(names: tuple[str, ...], as_json: bool) -> None:
    """List the built-in data sets, or show those called NAMES in full.

    Some samples of each data set are part of hyle ("without download"); the others are downloaded when they are asked
    for. A data set that is a "shift of" another one is out of distribution for models trained on that one.

    Wherever a command takes --dataset, your own files work as well: see `hyle embed --help`.
    """
    infos = [find_dataset(name) for name in dict.fromkeys(names)] if names else list_datasets()
    if as_json:
        print_json([dataclasses.asdict(info) | {"trained_on_it": trained_on(info)} for info in infos])
        return
    if names:
        for place, info in enumerate(infos):
            if place:
                click.echo()
            _print_in_full(info)
        return
    rows = [
        (
            info.name,
            info.domain,
            f"{info.total:,}",
            f"{info.slice.size:,} (seed {info.slice.seed})",
            f"{info.archive_bytes / 1e6:.0f} MB" if info.carrier else "",
            len(trained_on(info)),
            info.shift_of,
            info.licence,
            info.title,
        )
        for info in infos
    ]
    models = "models trained on it"
    headings = (
        "data set",
        "domain",
        "samples",
        "without download",
        "download of all",
        models,
        "shift of",
        "licence",
        "description",
    )
    drop = ("description", "licence", "shift of", models, "download of all", "without download")
    print_table(
        headings,
        rows,
        right=("samples", "download of all", models),
        text=("licence", "description"),
        drop=drop,
    )


def _print_in_full(info: DatasetInfo) -> None:
    """Print all that a user needs to know of a data set, a fact on each line."""
    labels = ", ".join(f"{name} / {unit}" if unit else name for name, unit in info.units.items())
    facts = {
        "domain": info.domain,
        "samples": f"{info.total:,}",
        "without download": f"{info.slice.size:,} (seed {info.slice.seed})",
        "download of all": f"{info.archive_bytes / 1e6:.0f} MB ({info.carrier})" if info.carrier else "",
        "views": ", ".join(info.views),
        "labels": labels,
        "level of theory of energy": info.level,
        "models trained on it": ", ".join(trained_on(info)),
        "shift of": info.shift_of,
        "licence": info.licence,
        "citation": info.citation,
        "notes": info.notes,
    }
    print_paragraph(f"{info.name}: {info.title}")
    for name, fact in facts.items():
        if fact:
            print_paragraph(f"{name}: {' '.join(fact.split())}")
