"""Intrinsic dimension of representations, one by one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from hyle.zoo import InputError, Representation, Store, did_you_mean

from ..comparison import errors, estimate, listed, outlying, text, usual_k, without
from ..console import print_table
from ..jobs import find_representations
from ..options import json_option, print_json, split, store_option, stored_options

# The engine's estimators, by the name that `hyle.engine.intrinsic_dimension` has for each, and its metric.
ESTIMATORS = {
    "mle": "intrinsic_dimension",
    "mle_arithmetic": "intrinsic_dimension_mle_arithmetic",
    "twonn": "intrinsic_dimension_twonn",
    "twonn_ml": "intrinsic_dimension_twonn_ml",
    "gride": "intrinsic_dimension_gride",
}
OF_SCALES = ("gride", "twonn", "twonn_ml")
# Rows that a subset of the decimation must have, where there are as many.
SMALLEST = 32


def dimension(
    representations: Sequence[Representation], *, estimators: Sequence[str] = ("mle", "twonn"), k: int | None = None
) -> list[dict[str, Any]]:
    """Estimate the intrinsic dimension of each representation.

    Args:
        representations: each on all of its own rows; nothing is joined.
        estimators: names of `ESTIMATORS`.
        k: neighbours of all but TwoNN; default 50, or a tenth of fewer than 500 rows.

    Returns:
        For each: name, n, width, dead_columns (constant over the samples), top_column_share (of the variance) and the
        recipe; under ``estimates``, for each estimator, value, error (one standard
        error, NaN for those without one), n_used (exact repetitions left out), k, and the estimator in words. Under
        ``norm_outliers`` the ids of rows that lie far outside, and where there are any the same facts of the others
        under ``without_outliers``.
    """
    rows = []
    for rep in representations:
        ids = outlying(rep)
        rows.append(_facts(rep, estimators, k) | {"norm_outliers": ids})
        others = without(rep, ids)
        if ids and len(others.ids) >= 4:
            same = min(k or usual_k(rep.embedding.shape[0]), len(others.ids) - 1)
            rows[-1]["without_outliers"] = _facts(others, estimators, same)
    return rows


def _facts(rep: Representation, estimators: Sequence[str], k: int | None) -> dict[str, Any]:
    from hyle.engine import compare

    found = compare({rep.name: rep}, metrics=[ESTIMATORS[name] for name in estimators], dimension_k=k)
    return {
        "name": rep.name,
        "n": int(found.attrs["n"]),
        "width": int(found["dim"].values[0]),
        "dead_columns": int(found["dead_columns"].values[0]),
        "top_column_share": float(found["top_column_share"].values[0]),
        "estimates": {
            name: {
                "value": float(found[metric].values[0]),
                "error": errors(found, metric)[0],
                "n_used": int(found[f"{metric}_n_used"].values[0]),
                "k": int(found[metric].attrs["k"]),
                "estimator": text(found[metric].attrs, "estimator"),
            }
            for name, metric in ((name, ESTIMATORS[name]) for name in estimators)
        },
        "dtype": found.attrs["dtype"],
        "sample_hash": found.attrs["sample_hash"],
        "hyle_version": found.attrs["hyle_version"],
    }


def scales(
    representations: Sequence[Representation],
    *,
    estimators: Sequence[str] = ("gride", "twonn_ml"),
    k: int | None = None,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Estimate the intrinsic dimension of each representation at growing scales.

    Args:
        representations: each on all of its own rows.
        estimators: ``gride``, which looks further out from scale to scale; ``twonn`` and ``twonn_ml``, which thin the
            rows out.
        k: the most neighbours that gride looks at; default 64, or all of fewer rows.
        seed: of the thinning.

    Returns:
        For each representation and estimator: name, estimator, n, width, and under ``scales`` one entry a scale,
        finest first: order, distance, dimension, error, n_used, as in `hyle.engine.DimensionScales`.
    """
    from hyle.engine import dimension_scales

    rows = []
    for rep in representations:
        n, width = rep.embedding.shape
        for name in estimators:
            found = dimension_scales(rep.embedding, estimator=name, k=k, smallest=min(SMALLEST, int(n)), seed=seed)  # type: ignore[arg-type]
            curve = [
                dict(zip(found._fields, (float(v) if v.dtype.kind == "f" else int(v) for v in scale), strict=True))
                for scale in zip(*map(np.asarray, found), strict=True)
            ]
            rows.append({"name": rep.name, "estimator": name, "n": int(n), "width": int(width), "scales": curve})
    return rows


def estimator_names(words: str | None, *, of_scales: bool) -> tuple[str, ...]:
    """Return the estimators of a comma-separated list; ``all`` is all of them.

    Raises:
        ValueError: an unknown estimator, or one that knows no scales where these are asked for.
    """
    known = OF_SCALES if of_scales else tuple(ESTIMATORS)
    chosen = split(words)
    if chosen is None:
        return ("gride", "twonn_ml") if of_scales else ("mle", "twonn")
    for name in chosen:
        if name not in (*known, "all"):
            of = "of a scale" if of_scales else "of the dimension"
            raise InputError(
                f"no estimator {of} is called {name!r}{did_you_mean(name, known)} (there are: {', '.join(known)}, all)"
            )
    return tuple(dict.fromkeys(one for name in chosen for one in (known if name == "all" else (name,))))


@click.command()
@click.argument("sources", nargs=-1)
@click.option(
    "--estimator",
    help="Comma-separated: mle, mle_arithmetic, twonn, twonn_ml, gride, or all. [default: mle,twonn; with --scales "
    "gride,twonn_ml]",
)
@click.option("--scales", "of_scales", is_flag=True, help="The dimension at growing scales, with standard errors.")
@click.option(
    "-k",
    "--neighbours",
    "k",
    type=click.IntRange(2),
    help="Neighbours of the MLE and of GRIDE. [default: 50, or a tenth of fewer than 500 rows; with --scales 64]",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the thinning of --scales.")
@stored_options
@click.option("--ids", "ids_path", type=click.Path(path_type=Path), help="Ids of one .npy file, one a line.")
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
    ids_path: Path | None,
    store_path: Path,
    as_json: bool,
) -> None:
    """Estimate the intrinsic dimension of SOURCES: files of embeddings, or models that were embedded.

    With --scales a plateau is a dimension and a slope is a warning: noise raises the finest scales. GRIDE looks
    further out from scale to scale; the others thin the rows out.

    Beside the estimates stands how many columns are dead and how much of the variance lies in one column: where that is
    nearly all, distances see little else. Rows that lie over four times as far from the mean as rows usually do are
    told by id, with the estimates that the others give.

    \b
    hyle dimension a.npz
    hyle dimension minilm chgnet-0.3.0 --estimator all -k 20
    hyle dimension minilm --scales
    """
    estimators = estimator_names(estimator, of_scales=of_scales)
    chosen = {"dataset": dataset, "layer": layer, "pooling": pooling}
    ids_paths = () if ids_path is None else (ids_path,)
    found = find_representations(sources, Store(store_path), ids_paths=ids_paths, **chosen)
    for rep in found:
        if k is not None and k > len(rep.ids) - 1:
            raise InputError(
                f"-k {k} is too many for the {len(rep.ids)} rows of {rep.name}: use 2 to {len(rep.ids) - 1}"
            )
    rows = (
        scales(found, estimators=estimators, k=k, seed=seed)
        if of_scales
        else dimension(found, estimators=estimators, k=k)
    )
    if as_json:
        print_json(rows)
    elif of_scales:
        _print_scales(rows)
    else:
        _print_estimates(rows, estimators)


def _print_estimates(found: Sequence[dict[str, Any]], estimators: Sequence[str]) -> None:
    rows = []
    for row in found:
        rows.append(row)
        if "without_outliers" in row:
            rows.append(row["without_outliers"] | {"name": f"{row['name']} without {len(row['norm_outliers'])}"})
    headings = {name: f"{name} (k = {rows[0]['estimates'][name]['k']})" for name in estimators}
    if len({each["k"] for row in rows for each in row["estimates"].values()}) > len(estimators):
        headings = {name: name for name in estimators}
    cells = [
        (
            row["name"],
            row["n"],
            min(each["n_used"] for each in row["estimates"].values()),
            row["width"],
            row["dead_columns"],
            f"{100 * row['top_column_share']:.0f} %",
            *(estimate(each["value"], each["error"]) for each in row["estimates"].values()),
        )
        for row in rows
    ]
    columns = ("name", "n", "n used", "width", "dead", "top column", *headings.values())
    print_table(columns, cells, right=columns[1:], keys=4)
    click.echo("dead: columns that are constant; top column: the share of the variance in one column alone")
    for row in found:
        if row["norm_outliers"]:
            ids = row["norm_outliers"]
            click.echo(f"{row['name']}: far outside, over 4 times as far from the mean as usual: {listed(ids)}")


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
    print_table(columns, cells, right=columns[2:])
    click.echo("order: n1 of gride, which sets neighbour 2 n1 against n1; of the others, the subsets made of all rows")
