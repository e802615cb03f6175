"""Compare representations, all with all."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hyle.zoo import READERS, Representation, Store, did_you_mean, list_models, read_embeddings

from .._console import print_table, progress_bar, say
from .._options import json_option, json_text, metric_options, print_json, split, store_option
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
    progress: Callable[[str, int, int], None] | None = None,
) -> xr.Dataset:
    """Compare representations by sample id, and add what the cards say of their models.

    Args:
        representations: of any models or files; tensors cross into JAX by DLPack.
        metrics: names; default `hyle.engine.DEFAULT_METRICS`.
        k: neighbours of the pair metrics.
        dimension_k: neighbours of the intrinsic dimension.
        neighbour_metric: of the pair metrics.
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


def find_representations(
    sources: Sequence[str], store: Store, dataset: str | None = None, ids_paths: Sequence[Path] = ()
) -> list[Representation]:
    """Return the representations that files or names of stored models stand for.

    Args:
        sources: files of embeddings, or models with one stored representation; empty for all of the store.
        store: where the models are looked up.
        dataset: the name, or NAME-VERSION, of the data set, where the store has several.
        ids_paths: the ids of the .npy files among the sources, in their order; empty where they lie beside them.

    Raises:
        ValueError: neither a file nor stored, or stored more than once; says what there is.
    """
    arrays = [source for source in sources if source.endswith(".npy")]
    if ids_paths and len(arrays) != len(ids_paths):
        raise ValueError(f"--ids was given {len(ids_paths)} times for {len(arrays)} .npy files: give it once for each")
    ids = dict(zip(arrays, ids_paths, strict=False))
    entries = [e for e in store.list() if dataset in (None, e.recipe.get("dataset"), e.key.dataset)]
    if sources:
        return [_find(source, store, entries, ids.get(source)) for source in sources]
    names = sorted({entry.key.dataset for entry in entries})
    if len(names) > 1:
        raise ValueError(f"the store has several data sets: choose with --dataset: {', '.join(names)}")
    if not entries:
        raise ValueError(f"{store.root} holds no representations; make some: hyle embed minilm chgnet-0.3.0")
    return [found for entry in entries if (found := store.load(entry.key)) is not None]


def _find(source: str, store: Store, entries: Sequence[Any], ids_path: Path | None) -> Representation:
    if Path(source).suffix.lower() in READERS or Path(source).exists():
        return read_embeddings(source, ids_path=ids_path)
    stored = [entry for entry in entries if entry.key.model == source]
    if len(stored) > 1:
        raise ValueError(
            f"{source} is stored {len(stored)} times; choose with --dataset: "
            + ", ".join(sorted({e.key.dataset for e in stored}))
        )
    found = store.load(stored[0].key) if stored else None
    if found is None:
        known = [card.name for card in list_models()]
        if source in known:
            raise ValueError(f"{source} is not in the store {store.root} yet; embed it first: hyle embed {source}")
        raise ValueError(f"{source!r} is neither a file nor a model{did_you_mean(source, known)}")
    return found


def compare_with_bar(representations: Sequence[Representation], **options: Any) -> xr.Dataset:
    """Do what `compare` does, and show it."""
    with progress_bar("comparing", 1) as update:
        comparison = compare(
            representations,
            progress=lambda name, done, total: update(done / max(total, 1), name),  # type: ignore[arg-type]
            **options,
        )
    n, lost = comparison.attrs["n"], {}
    for name, rows in zip(model_names(comparison), comparison["n_model"].values, strict=True):
        if rows != n:
            lost[name] = int(rows)
    if lost:
        say(f"joined {n} samples by id; " + ", ".join(f"{name} has {rows}" for name, rows in lost.items()))
    else:
        say(f"joined {n} samples by id, all of each file")
    return comparison


def as_data(comparison: xr.Dataset) -> dict[str, Any]:
    """Return a Comparison as plain data: the recipe, every score as a row, and the matrices."""
    attributes = {key: value for key, value in comparison.attrs.items() if key not in ("recipe", "dropped")}
    rows = {name: int(n) for name, n in zip(model_names(comparison), comparison["n_model"].values, strict=True)}
    pairs = read_scores(comparison)
    return {
        "n": comparison.attrs["n"],
        "models": model_names(comparison),
        "rows": rows,
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
        print_table(("model", *single), values, right=single)


@click.command()
@click.argument("sources", nargs=-1)
@metric_options
@click.option("--dataset", help="Which data set's representations, where the store has several.")
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
    found = find_representations(sources, Store(store_path), dataset, ids_paths)
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
