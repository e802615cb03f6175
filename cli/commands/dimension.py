"""`hyle dimension`: the intrinsic dimension of single representations."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from hyle.zoo import Store

from ..comparison import estimate, listed
from ..jobs import check_k, dimension, estimator_names, find_representations, scales, select_rows
from ..options import (
    FileSelection,
    RowSelection,
    SectionedCommand,
    file_options,
    json_option,
    print_json,
    row_options,
    store_option,
    stored_options,
)
from ..tables import print_table


@click.command(cls=SectionedCommand, short_help="Estimate intrinsic dimensions.")
@click.argument("sources", nargs=-1)
@click.option(
    "--estimator",
    help="Estimators, comma-separated: mle, mle_arithmetic, twonn, twonn_ml, gride, or all. [default: mle,twonn; with "
    "--scales gride,twonn_ml]",
)
@click.option("--scales", "of_scales", is_flag=True, help="Estimate the dimension at increasing scales.")
@click.option(
    "-k",
    "--neighbours",
    "k",
    type=click.IntRange(2),
    help="Number of nearest neighbours, for mle, mle_arithmetic and gride. [default: 50, or n / 10 if n < 500; with "
    "--scales 64]",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Seed of the random subsets that twonn and twonn_ml use with --scales.",
)
@stored_options
@file_options
@row_options(by=False)
@store_option
@json_option
def command(
    sources: tuple[str, ...],
    estimator: str | None,
    of_scales: bool,
    k: int | None,
    seed: int,
    dataset: str | None,
    layer: str | None,
    pooling: str | None,
    files: FileSelection,
    rows: RowSelection,
    store_path: Path,
    as_json: bool,
) -> None:
    """Estimate the intrinsic dimension of each source: how many independent directions the embeddings use locally.

    SOURCES are files of embeddings, or models that `hyle embed` has embedded. If a model was embedded on several data
    sets, the set that the other SOURCES share is used, or the largest. Without SOURCES, the dimension is estimated for
    all models of one data set: the set on which most models in the store were embedded.

    The table also shows how many columns are constant ("dead") and the largest fraction of the variance in one column
    ("top column"); if that is near 100 %, distances depend on this column alone. Rows more than 4 times as far from the
    mean as a typical row are listed as outliers, with the estimates of the other rows.

    With --scales, a plateau is a reliable dimension. A dimension that keeps changing with the scale is not: noise
    raises the estimates at small scales. gride reaches larger scales by more distant neighbours, twonn and twonn_ml by
    smaller subsets of the rows.

    \b
    Examples:
      hyle dimension a.npz
      hyle dimension minilm chgnet-0.3.0 --estimator all -k 20
      hyle dimension minilm --scales
    """
    estimators = estimator_names(estimator, of_scales=of_scales)
    representations = find_representations(
        sources,
        Store(store_path),
        files=files,
        dataset=dataset,
        layer=layer,
        pooling=pooling,
        per=rows.per,
        command=shlex.join(["hyle", "dimension", *sources]),
    )
    representations = select_rows(representations, rows)
    check_k(representations, k)
    results = (
        scales(representations, estimators=estimators, k=k, seed=seed)
        if of_scales
        else dimension(representations, estimators=estimators, k=k)
    )
    if as_json:
        print_json(results)
    elif of_scales:
        _print_scales(results)
    else:
        _print_estimates(results, estimators)


def _print_estimates(results: Sequence[dict[str, Any]], estimators: Sequence[str]) -> None:
    rows = []
    for row in results:
        rows.append(row)
        if "without_outliers" in row:
            rows.append(row["without_outliers"] | {"name": f"{row['name']} without {len(row['norm_outliers'])}"})
    headings = {name: f"{name} (k = {rows[0]['estimates'][name]['k']})" for name in estimators}
    if len({value["k"] for row in rows for value in row["estimates"].values()}) > len(estimators):
        headings = {name: name for name in estimators}
    cells = [
        (
            row["name"],
            row["n"],
            min(value["n_used"] for value in row["estimates"].values()),
            row["width"],
            row["dead_columns"],
            f"{100 * row['top_column_share']:.0f} %",
            *(estimate(value["value"], value["error"]) for value in row["estimates"].values()),
        )
        for row in rows
    ]
    columns = ("name", "n", "n used", "width", "dead", "top column", *headings.values())
    print_table(columns, cells, right=columns[1:], keys=1)
    click.echo("\nn used: rows that repeat no earlier row, exactly or up to rounding; dead: constant columns")
    click.echo("top column: the largest share of the variance in one column")
    for row in results:
        if row["norm_outliers"]:
            ids = listed(row["norm_outliers"])
            click.echo(f"{row['name']}: outliers, over 4 times as far from the mean as a typical row: {ids}")


def _print_scales(rows: Sequence[dict[str, Any]]) -> None:
    cells = [
        (
            row["name"],
            row["estimator"],
            scale["order"],
            f"{scale['distance']:.4g}",
            estimate(scale["dimension"], scale["error"]),
            scale["n_used"],
        )
        for row in rows
        for scale in row["scales"]
    ]
    columns = ("name", "estimator", "order", "mean distance", "dimension", "n used")
    print_table(columns, cells, right=columns[2:], drop=("n used", "mean distance"))
    click.echo("\norder, of gride: n1, where the distances to neighbours n1 and 2 n1 are compared")
    click.echo("order, of the others: the number of subsets into which the rows are split")
