"""`hyle neighbours`: the nearest neighbours of a sample in several models."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

import click

from hyle.zoo import InputError, Sample, Store, shorten

from ..console import say
from ..jobs import (
    NeighbourMetric,
    NeighbourResult,
    describe_row,
    find_neighbours,
    find_representations,
    neighbours_data,
    samples_to_show,
    select_rows,
    write_neighbours,
)
from ..options import (
    FileSelection,
    LocalPath,
    RowSelection,
    SectionedCommand,
    file_options,
    json_option,
    print_json,
    row_options,
    split,
    store_option,
    stored_options,
)
from ..outputs import check_file, replace_option
from ..tables import print_table


@click.command(cls=SectionedCommand, short_help="Show the nearest neighbours of a sample.")
@click.argument("sample")
@click.option(
    "--models",
    help="Embedded models or files of embeddings, comma-separated. [default: all models that were embedded on the same "
    "data set]",
)
@click.option(
    "-k", "--neighbours", "k", type=click.IntRange(1), default=5, show_default=True, help="Number of neighbours."
)
@click.option(
    "--neighbour-metric",
    type=click.Choice(["cosine", "euclidean", "inner_product"]),
    default="cosine",
    show_default=True,
    help="Similarity or distance by which neighbours are found.",
)
@click.option(
    "--samples",
    metavar="NAME|FILE[:COLUMN]",
    help="Where the samples come from: a name of `hyle datasets`, or a file, with the column that has the ids. "
    "[default: the data set that was embedded]",
)
@row_options(by=False)
@stored_options
@file_options
@click.option(
    "-o", "--output", type=LocalPath(path_type=Path), help="Also write a page (.html) with all samples drawn."
)
@replace_option
@store_option
@json_option
def command(
    sample: str,
    models: str | None,
    k: int,
    neighbour_metric: NeighbourMetric,
    samples: str | None,
    rows: RowSelection,
    dataset: str | None,
    layer: str | None,
    pooling: str | None,
    files: FileSelection,
    output: Path | None,
    replace_output: bool,
    store_path: Path,
    as_json: bool,
) -> None:
    """List the nearest neighbours of SAMPLE in each model: which samples the model takes to be similar to it.

    SAMPLE is an id of the data set. Neighbours are searched among the samples that all models have; those that several
    models share are marked. With -o, a page shows all of them drawn, one column for each model.

    \b
    Examples:
      hyle neighbours qm9-002329 --models minilm,chgnet-0.3.0
      hyle neighbours qm9-002329 -k 8 -o neighbours.html
      hyle neighbours m7 --models a.npz,b.npz --samples molecules.csv:name
    """
    if output is not None and output.suffix.lower() != ".html":
        raise InputError(f"-o {output}: the page is a .html file, for example -o {output.with_suffix('.html')}")
    target = None if output is None else check_file(output, replace=replace_output)
    sources = split(models) or []
    options = f" --models {shlex.quote(models)}" if models else ""
    representations = find_representations(
        sources,
        Store(store_path),
        files=files,
        dataset=dataset,
        layer=layer,
        pooling=pooling,
        per=rows.per,
        command=f"hyle neighbours {shlex.quote(sample)}{options}",
    )
    representations = select_rows(representations, rows)
    result = find_neighbours(sample, representations, k=k, neighbour_metric=neighbour_metric)
    if samples is None and dataset is not None and Path(dataset).exists():
        samples = dataset
    known = samples_to_show(representations, samples)
    if target is not None and output is not None:
        say(target.written(write_neighbours(result, known, output)))
    if as_json:
        print_json(neighbours_data(result, known))
    else:
        _print(result, known)


def _print(result: NeighbourResult, samples: Mapping[str, Sample]) -> None:
    """Print one table for each model."""
    nodes, words = bool(result.per), f"{result.per or 'sample'}s"
    own = describe_row(result.sample, samples, nodes=nodes)
    click.echo(f"{shorten(result.sample)}{f'  {own}' if own else ''}")
    m = len(result.models)
    columns = ("id", "distance", *(["sample"] if samples else []), *(["models"] if result.shared else []))
    for name, found in result.models.items():
        click.echo(f"\n{name}")
        rows = []
        for one in found:
            shown = {"id": shorten(one.id, 40), "distance": f"{one.distance:.3g}"}
            shown["sample"] = describe_row(one.id, samples, nodes=nodes)
            shown["models"] = f"in {len(one.others) + 1} of {m}" if one.others else ""
            rows.append([shown[name] for name in columns])
        print_table(columns, rows, right=("distance",), keys=1)
    kind = result.neighbour_metric.replace("_", " ")
    click.echo(f"\nk = {result.k} of {result.n} {words}, {kind} distance")
    if m > 1:
        click.echo(
            f"{len(result.shared)} {words} are neighbours in two models or more; two models share "
            f"{100 * result.chance:.2g} % of their neighbours by chance"
        )
    for name in result.ties:
        click.echo(f"{name}: further {words} are as near as the last one")
