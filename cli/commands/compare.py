"""Compare representations, all with all."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hyle.zoo import Representation, Store, list_models

from .._console import print_table, progress_bar, say
from .._options import json_option, json_text, metric_options, print_json, split, store_option, stored_options
from ..sources import find_representations
from ..tables import long_table, model_names, number, read_scores, single_metrics, write_atomically, write_csv

if TYPE_CHECKING:
    import xarray as xr

FACTS = ("modality", "family", "parameters", "architecture", "training_data", "licence")


def compare(
    representations: Sequence[Representation],
    *,
    metrics: Sequence[str] | None = None,
    k: int = 25,
    dimension_k: int | None = None,
    neighbour_metric: str = "cosine",
    attributes: Mapping[str, Any] | None = None,
    centre: bool = False,
    covariates: Representation | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> xr.Dataset:
    """Compare representations by sample id, and add what the cards say of their models.

    Args:
        representations: of any models or files; tensors cross into JAX by DLPack.
        metrics: names; default `hyle.engine.DEFAULT_METRICS`.
        k: neighbours of the pair metrics.
        dimension_k: neighbours of the intrinsic dimension.
        neighbour_metric: of the pair metrics.
        centre: take off the column means before neighbours are sought.
        covariates: regressed out of every representation first, held out.
        attributes: further facts for the whole, such as the title.
        progress: see `hyle.engine.compare`.

    Returns:
        The Comparison with the facts of the cards over ``model`` and the recipes in its attributes.
    """
    from hyle import engine

    named = _named(representations)
    comparison = engine.compare(
        named,
        metrics=metrics or engine.DEFAULT_METRICS,
        k=k,
        dimension_k=dimension_k,
        neighbour_metric=neighbour_metric,  # type: ignore[arg-type]
        centre=centre,
        covariates=covariates,
        progress=progress,
    )
    cards = {card.name: card for card in list_models()}
    models = [cards.get(str(rep.recipe.get("model", ""))) for rep in named.values()]
    for fact in FACTS:
        missing: Any = -1 if fact == "parameters" else ""
        comparison[fact] = ("model", [getattr(card, fact) if card else missing for card in models])
    for fact in ("layer", "pooling"):
        comparison[fact] = ("model", [str(rep.recipe.get(fact, "")) for rep in named.values()])
    datasets = {(str(r.recipe.get("dataset", "")), str(r.recipe.get("dataset_version", ""))) for r in named.values()}
    if len(datasets) == 1:
        comparison.attrs["dataset"], comparison.attrs["dataset_version"] = next(iter(datasets))
    comparison.attrs |= {
        "recipe": json.dumps({name: dict(rep.recipe) for name, rep in named.items()}, default=str),
        "dropped": json.dumps({name: dict(rep.dropped) for name, rep in named.items() if rep.dropped}),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": json.dumps({name: version(name) for name in ("jaxlib", "numpy", "scipy", "xarray")}),
        **(attributes or {}),
    }
    return comparison


def check_options(metrics: Sequence[str] | None, k: int, n: int) -> None:
    """Raise for unknown metrics, or more neighbours than samples, before anything is embedded."""
    from hyle.engine import DEFAULT_METRICS, find_metric

    wanted = [find_metric(name) for name in metrics or DEFAULT_METRICS]
    if n < 4:
        raise ValueError(f"a comparison needs at least 4 samples; got {n}")
    if k > n - 1 and any("neighbours" in metric.needs for metric in wanted):
        raise ValueError(f"k={k} neighbours cannot be had from {n} samples: lower -k or raise -n")


def _named(representations: Sequence[Representation]) -> dict[str, Representation]:
    named: dict[str, Representation] = {}
    for representation in representations:
        name, copies = representation.name, 2
        while name in named:
            name, copies = f"{representation.name} ({copies})", copies + 1
        named[name] = representation
    return named


def compare_with_bar(representations: Sequence[Representation], **options: Any) -> xr.Dataset:
    """Do what `compare` does, and show it."""
    with progress_bar("comparing", 100) as update:
        comparison = compare(
            representations,
            progress=lambda what, share: update(round(100 * share), what),
            **options,
        )
    n, lost = comparison.attrs["n"], {}
    for name, rows in zip(model_names(comparison), comparison["n_model"].values, strict=True):
        if rows != n:
            lost[name] = int(rows)
    if lost:
        say(f"joined {n} samples by id; " + ", ".join(f"{name} has {rows}" for name, rows in lost.items()))
    else:
        say(f"joined {n} samples by id, all that each has")
    for name, repeated, tied in zip(model_names(comparison), *_repeats(comparison), strict=True):
        if max(repeated, tied) > n / 20:
            say(
                f"note: {name}: {repeated} rows repeat an earlier one, {tied} have ties at the k-th neighbour; ties go "
                "to the lowest index, so that models with many ties look alike in neighbour metrics"
            )
    return comparison


def _repeats(comparison: xr.Dataset) -> tuple[list[int], list[int]]:
    """Return, for each model, how many rows repeat an earlier one, and how many have ties at the k-th neighbour."""
    none = [0] * comparison.sizes["model"]
    ties = comparison["mutual_knn_ties"].values.tolist() if "mutual_knn_ties" in comparison else none
    return comparison["duplicates"].values.tolist(), ties


def as_data(comparison: xr.Dataset) -> dict[str, Any]:
    """Return a Comparison as plain data: the recipe, every score as a row, and the matrices."""
    attributes = {key: value for key, value in comparison.attrs.items() if key not in ("recipe", "dropped")}
    rows = {name: int(n) for name, n in zip(model_names(comparison), comparison["n_model"].values, strict=True)}
    pairs = read_scores(comparison)
    repeated, tied = (dict(zip(rows, counts, strict=True)) for counts in _repeats(comparison))
    return {
        "n": comparison.attrs["n"],
        "models": model_names(comparison),
        "rows": rows,
        "duplicates": repeated,
        "ties": tied,
        "results": long_table(comparison).astype(object).where(lambda t: t.notna(), None).to_dict("records"),
        "matrices": {name: comparison[name].values for name in [*pairs, *single_metrics(comparison)]},
        "chance": {name: comparison[f"{name}_chance"].values for name in pairs if f"{name}_chance" in comparison},
        "recipe": {**attributes, "models": json.loads(comparison.attrs.get("recipe", "{}"))},
    }


def print_comparison(comparison: xr.Dataset) -> None:
    """Print every pair with its scores, chance in brackets, then the single metrics."""
    names, scores = model_names(comparison), list(read_scores(comparison).values())
    rows = []
    for i, name in enumerate(names):
        for j in range(i + 1, len(names)):
            cells = [f"{number(s.values[i, j], 4)} ({number(s.chance[i, j], 4)})" for s in scores]
            rows.append((name, names[j], *cells))
    if rows and scores:
        print_table(("model", "other", *(f"{s.name} (chance)" for s in scores)), rows)
    single = single_metrics(comparison)
    if single:
        values = [(name, *(number(float(comparison[m].values[i]), 2) for m in single)) for i, name in enumerate(names)]
        headings = [f"{m} (k = {comparison[m].attrs['k']})" if "k" in comparison[m].attrs else m for m in single]
        print_table(("model", *headings), values, right=headings)


@click.command()
@click.argument("sources", nargs=-1)
@metric_options
@stored_options
@click.option(
    "--ids",
    "ids_paths",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Ids of the .npy files, in their order: one id a line. [default: NAME.ids.txt beside NAME.npy]",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Also write a .nc, .csv, .json or .html file.")
@store_option
@json_option
def command(
    sources: tuple[str, ...],
    metrics: str | None,
    k: int,
    dimension_k: int | None,
    neighbour_metric: str,
    dataset: str | None,
    layer: str | None,
    pooling: str | None,
    ids_paths: tuple[Path, ...],
    output: Path | None,
    store_path: Path,
    as_json: bool,
) -> None:
    """Compare SOURCES: files of embeddings, or models that were embedded; without any, all of the store.

    Rows are joined by sample id, in whatever order the files have them. Files: .npz with `embedding` and `ids`,
    .npy with ids beside it, .parquet, .safetensors, .csv, .h5, .zarr.

    \b
    hyle compare a.npz b.npz --metrics cka,mutual_knn -k 10 --json
    hyle compare minilm chgnet-0.3.0 -o result.html
    """
    write = _writer(output)
    chosen = {"dataset": dataset, "layer": layer, "pooling": pooling}
    found = find_representations(sources, Store(store_path), ids_paths=ids_paths, **chosen)
    if len(found) < 2:
        raise ValueError("a comparison needs at least two representations; one alone: hyle dimension")
    comparison = compare_with_bar(
        found, metrics=split(metrics), k=k, dimension_k=dimension_k, neighbour_metric=neighbour_metric
    )
    if output is not None:
        write(comparison, output)
        say(f"wrote {output}")
    if as_json:
        print_json(as_data(comparison))
    else:
        print_comparison(comparison)


def _writer(output: Path | None) -> Callable[[Any, Path], object]:
    def write_json(comparison: xr.Dataset, path: Path) -> None:
        write_atomically(path, json_text(as_data(comparison)).encode())

    def write_html(comparison: xr.Dataset, path: Path) -> None:
        from ..report import write_report

        write_report(comparison, path)

    def write_netcdf(comparison: xr.Dataset, path: Path) -> None:
        from hyle.engine import save_comparison

        save_comparison(comparison, path)

    writers: dict[str, Callable[[Any, Path], object]] = {
        ".nc": write_netcdf,
        ".csv": write_csv,
        ".json": write_json,
        ".html": write_html,
    }
    if output is not None and output.suffix not in writers:
        raise ValueError(f"--output {output}: the suffix must be one of {', '.join(writers)}")
    return writers[output.suffix] if output is not None else write_csv
