"""Compare representations, all with all."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from hyle.zoo import Representation, Store, list_models

from .._console import print_table, progress_bar, say
from .._options import (
    Measure,
    json_option,
    json_text,
    metric_options,
    print_json,
    read_groups,
    store_option,
    stored_options,
)
from ..sources import find_representations
from ..sweeps import parse_sweep, print_sweep, sweep_data, sweep_table
from ..tables import (
    BY_CHANCE,
    Score,
    errors,
    estimate,
    long_table,
    model_names,
    number,
    read_scores,
    single_metrics,
    write_atomically,
    write_csv,
)

if TYPE_CHECKING:
    import xarray as xr

FACTS = ("modality", "family", "parameters", "architecture", "training_data", "licence")


def compare(
    representations: Sequence[Representation],
    *,
    measure: Measure | None = None,
    covariates: Representation | None = None,
    attributes: Mapping[str, Any] | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> xr.Dataset:
    """Compare representations by sample id, and add what the cards say of their models.

    Args:
        representations: of any models or files; tensors cross into JAX by DLPack.
        measure: what to measure, and how; its metrics are `hyle.engine.DEFAULT_METRICS` unless it says otherwise.
        covariates: regressed out of every representation first.
        attributes: further facts for the whole, such as the title.
        progress: see `hyle.engine.compare`.

    Returns:
        The Comparison with the facts of the cards over ``model`` and the recipes in its attributes.
    """
    from hyle import engine

    named, measure = _named(representations), measure or Measure()
    # The best of several layers is tested as the largest of them.
    layered = bool(measure.permutations) and any("@" in name for name in named)
    options = _options(measure) | {"draws": layered}
    comparison = engine.compare(named, covariates=covariates, progress=progress, **options)
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
    if covariates is not None:
        comparison.attrs["covariates"] = f"{covariates.name}: {comparison.attrs['covariates']}"
        comparison.attrs["covariates_recipe"] = json.dumps(dict(covariates.recipe), default=str)
    comparison.attrs |= {
        "recipe": json.dumps({name: dict(rep.recipe) for name, rep in named.items()}, default=str),
        "dropped": json.dumps({name: dict(rep.dropped) for name, rep in named.items() if rep.dropped}),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": json.dumps({name: version(name) for name in ("jaxlib", "numpy", "scipy", "xarray")}),
        **(attributes or {}),
    }
    return comparison


def _named(representations: Sequence[Representation]) -> dict[str, Representation]:
    named: dict[str, Representation] = {}
    for representation in representations:
        name, copies = representation.name, 2
        while name in named:
            name, copies = f"{representation.name} ({copies})", copies + 1
        named[name] = representation
    return named


def compare_with_bar(
    representations: Sequence[Representation],
    measure: Measure,
    *,
    covariates: Representation | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Do what `compare` does, and show it."""
    with progress_bar("comparing") as update:
        comparison = compare(
            representations,
            measure=measure,
            covariates=covariates,
            attributes=attributes,
            progress=lambda what, share: update(share, what),
        )
    n, lost = comparison.attrs["n"], {}
    for name, rows in zip(model_names(comparison), comparison["n_model"].values, strict=True):
        if rows != n:
            lost[name] = int(rows)
    if lost:
        say(f"joined {n} samples by id; " + ", ".join(f"{name} has {rows}" for name, rows in lost.items()))
    else:
        say(f"joined {n} samples by id, all that each has")
    if covariates is not None:
        say(f"took out what {covariates.name} explains linearly: {comparison.attrs['covariates'].partition(': ')[2]}")
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
        **{
            suffix: {name: comparison[f"{name}_{suffix}"].values for name in pairs if f"{name}_{suffix}" in comparison}
            for suffix in ("chance", "p", "q", "calibrated", "low", "high", "raw")
        },
        "recipe": {**attributes, "models": json.loads(comparison.attrs.get("recipe", "{}"))},
    }


def print_comparison(comparison: xr.Dataset) -> None:
    """Print every pair with its scores, chance in brackets, directed ones both ways, then the single metrics.

    A score that permutations do not tell from chance carries a sign.
    """
    names, scores = model_names(comparison), list(read_scores(comparison).values())
    headings, ways = [], []
    for score in scores:
        chance = " (chance)" if np.isfinite(score.level) else ""
        for arrow in (" →", " ←") if score.directed else ("",):
            headings.append(f"{score.name}{arrow}{chance}")
            ways.append((score, arrow == " ←"))
    rows = [
        (names[i], names[j], *(_cell(score, (j, i) if back else (i, j)) for score, back in ways))
        for i in range(len(names))
        for j in range(i + 1, len(names))
    ]
    if rows and scores:
        print_table(("model", "other", *headings), rows, keys=2)
        click.echo("".join(f"{line}\n" for line in _notes(scores)))
    single = single_metrics(comparison)
    if single:
        headings = [f"{m} (k = {comparison[m].attrs['k']})" if "k" in comparison[m].attrs else m for m in single]
        columns = [
            [
                estimate(float(value), error)
                for value, error in zip(comparison[m].values, errors(comparison, m), strict=True)
            ]
            for m in single
        ]
        print_table(("model", *headings), list(zip(names, *columns, strict=True)), right=headings, keys=1)


def print_layers(comparison: xr.Dataset) -> None:
    """Print, for every two models of which several layers are compared, the two that agree most, metric by metric."""
    from hyle.engine.analysis import best_layers

    for score in read_scores(comparison).values():
        if f"{score.name}_draws" not in comparison:
            continue
        found = [one for one in best_layers(comparison, score.name) if one.pairs > 1]
        rows = [
            (
                one.layer,
                one.other_layer,
                str(one.pairs),
                number(one.value, 4),
                f"{one.p:.2g}",
                number(one.calibrated, 4),
            )
            for one in found
        ]
        if rows:
            click.echo(f"the layers that agree most, by {score.name}; p is that of the best of all pairs of layers")
            headings = ("layer", "other", "pairs of layers", "alignment", "p", "calibrated")
            print_table(headings, rows, right=headings[2:], keys=2)


def _notes(scores: Sequence[Score]) -> list[str]:
    """Return what a reader of the pairs must know besides the numbers."""
    notes = ["→ from model to other, ← from other to model"] if any(score.directed for score in scores) else []
    lower = [score.name for score in scores if not score.higher_is_better]
    if lower:
        notes.append(f"the lower the more alike: {', '.join(lower)}")
    near: dict[str, list[str]] = {}
    for score in scores:
        if score.k is not None:
            near.setdefault(f"k = {score.k}, {score.neighbour_metric}", []).append(score.name)
    notes += [f"{how}: {', '.join(names)}" for how, names in near.items()]
    if any(np.isfinite(score.raw).any() for score in scores):
        notes.append("[ ] before the covariates were taken out, on the same samples")
    if any(np.isfinite(score.se).any() for score in scores):
        notes.append("± one standard error, by leaving out parts of the samples")
    tested = next((score for score in scores if score.permutations), None)
    if tested is not None:
        notes.append(
            f"{BY_CHANCE} not told from chance: q > {tested.alpha:g}, the p-value by {tested.permutations} "
            "permutations, adjusted for the number of pairs"
        )
    return notes


def _cell(score: Score, pair: tuple[int, int]) -> str:
    value, chance = score.values[pair], score.chance[pair]
    shown = estimate(value, score.se[pair], 4)
    shown += f" ({number(chance, 4)})" if np.isfinite(chance) else ""
    shown += f" [{number(score.raw[pair], 4)}]" if np.isfinite(score.raw[pair]) else ""
    return f"{shown} {BY_CHANCE}" if score.by_chance[pair] else shown


@click.command()
@click.argument("sources", nargs=-1)
@metric_options("cka,cka_rbf,mutual_knn,cknna,intrinsic_dimension")
@click.option(
    "--covariates",
    help="A file, or an embedded model such as composition: what it explains is taken out of all SOURCES first.",
)
@click.option(
    "--sweep",
    metavar="k=5,10,25",
    help="Compare at several k, or at several n (samples), and say whether the order of the pairs holds.",
)
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
    measure: Measure,
    covariates: str | None,
    sweep: str | None,
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
    hyle compare --covariates composition --metrics cka,information_imbalance
    hyle compare a.npz b.npz c.npz --sweep k=5,10,25,50,100
    """
    steps = None if sweep is None else parse_sweep(sweep)
    write = _writer(output, [".nc", ".csv", ".json"] if steps else None)
    chosen = {"dataset": dataset, "layer": layer, "pooling": pooling}
    store = Store(store_path)
    found = find_representations(sources, store, ids_paths=ids_paths, **chosen)
    known = None if covariates is None else find_representations([covariates], store, ids_paths=(), **chosen)[0]
    if known is not None and not sources:
        # Of all that is stored, what is taken out leaves nothing of itself to compare.
        found = [each for each in found if each.recipe != known.recipe]
    if len(found) < 2:
        raise ValueError("a comparison needs at least two representations; one alone: hyle dimension")
    if steps is not None:
        _sweep(found, known, measure, *steps, output=output, as_json=as_json)
        return
    common = set.intersection(*(set(each.ids) for each in ([*found, known] if known else found)))
    if len(common) >= 4:  # the engine knows why there are fewer
        measure.check(len(common))
    comparison = compare_with_bar(found, measure, covariates=known)
    if output is not None:
        write(comparison, output)
        say(f"wrote {output}")
    if as_json:
        print_json(as_data(comparison))
    else:
        print_comparison(comparison)
        print_layers(comparison)


def _sweep(
    found: Sequence[Representation],
    known: Representation | None,
    measure: Measure,
    over: str,
    values: Sequence[int],
    *,
    output: Path | None,
    as_json: bool,
) -> None:
    from hyle import engine

    options = _options(measure) | ({"covariates": known} if known else {})
    if over == "k":
        options = {name: value for name, value in options.items() if name not in ("k", "dimension_k", "rank_k")}
    swept = engine.sweep(_named(found), over=over, values=values, **options)  # type: ignore[arg-type]
    swept.attrs["recipe"] = json.dumps({rep.name: dict(rep.recipe) for rep in found}, default=str)
    if output is not None:
        if output.suffix == ".nc":
            engine.save_comparison(swept, output)
        elif output.suffix == ".json":
            write_atomically(output, json_text(sweep_data(swept, over)).encode())
        else:
            write_atomically(output, sweep_table(swept, over).to_csv(index=False).encode())
        say(f"wrote {output}")
    if as_json:
        print_json(sweep_data(swept, over))
    else:
        print_sweep(swept, over)


def _options(measure: Measure) -> dict[str, Any]:
    """Give what to measure as the engine takes it."""
    from hyle import engine

    options = {field.name: getattr(measure, field.name) for field in dataclasses.fields(measure)}
    options["metrics"] = measure.metrics or engine.DEFAULT_METRICS
    options["groups"] = None if measure.groups is None else read_groups(measure.groups)
    return options


def _writer(output: Path | None, suffixes: Sequence[str] | None = None) -> Callable[[Any, Path], object]:
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
    allowed = suffixes or list(writers)
    if output is not None and output.suffix not in allowed:
        raise ValueError(f"--output {output}: the suffix must be one of {', '.join(allowed)}")
    return writers[output.suffix] if output is not None else write_csv
