"""Intrinsic dimension of representations, one by one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from hyle.zoo import Representation, Store

from .._console import print_table
from .._options import json_option, print_json, store_option, stored_options
from ..sources import find_representations


def dimension(representations: Sequence[Representation], *, k: int | None = None) -> list[dict[str, Any]]:
    """Estimate the intrinsic dimension of each representation, by both estimators.

    Args:
        representations: each on all of its own rows; nothing is joined.
        k: neighbours of the maximum likelihood estimate; default 50, or a tenth of fewer than 500 rows.

    Returns:
        For each: name, n, n_used (exact repetitions left out), width, k, mle, twonn.
    """
    from hyle.engine import compare

    rows = []
    for rep in representations:
        metrics = ("intrinsic_dimension", "intrinsic_dimension_twonn")
        found = compare({rep.name: rep}, metrics=metrics, dimension_k=k)
        rows.append(
            {
                "name": rep.name,
                "n": int(found.attrs["n"]),
                "n_used": int(found["intrinsic_dimension_n_used"].values[0]),
                "width": int(found["dim"].values[0]),
                "k": int(found["intrinsic_dimension"].attrs["k"]),
                "mle": float(found["intrinsic_dimension"].values[0]),
                "twonn": float(found["intrinsic_dimension_twonn"].values[0]),
                "estimators": {m: found[m].attrs["estimator"] for m in metrics},
                "dtype": found.attrs["dtype"],
                "sample_hash": found.attrs["sample_hash"],
                "hyle_version": found.attrs["hyle_version"],
            }
        )
    return rows


@click.command()
@click.argument("sources", nargs=-1)
@click.option(
    "-k",
    "--neighbours",
    "k",
    type=click.IntRange(2),
    help="Neighbours of the MLE. [default: 50, or a tenth of fewer than 500 rows]",
)
@stored_options
@click.option("--ids", "ids_path", type=click.Path(path_type=Path), help="Ids of one .npy file, one a line.")
@store_option
@json_option
def command(
    sources: tuple[str, ...],
    k: int | None,
    dataset: str | None,
    layer: str | None,
    pooling: str | None,
    ids_path: Path | None,
    store_path: Path,
    as_json: bool,
) -> None:
    """Estimate the intrinsic dimension of SOURCES: files of embeddings, or models that were embedded.

    \b
    hyle dimension a.npz
    hyle dimension minilm chgnet-0.3.0 -k 20
    """
    chosen = {"dataset": dataset, "layer": layer, "pooling": pooling}
    ids_paths = () if ids_path is None else (ids_path,)
    rows = dimension(find_representations(sources, Store(store_path), ids_paths=ids_paths, **chosen), k=k)
    if as_json:
        print_json(rows)
        return
    cells = [(r["name"], r["n"], r["n_used"], r["width"], r["k"], f"{r['mle']:.2f}", f"{r['twonn']:.2f}") for r in rows]
    print_table(("name", "n", "n used", "width", "k", "MLE", "TwoNN"), cells, right=("n", "n used", "width", "k"))
