"""Compare representations, all with all."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hyle.zoo import InputError, Store

from ..atomic import write_atomically
from ..comparison import (
    listed,
    outlying_in_any,
    print_comparison,
    print_layers,
    write_csv,
)
from ..console import say
from ..jobs import (
    SUFFIXES,
    as_data,
    by_name,
    compare_others,
    compare_with_progress,
    engine_options,
    find_representations,
    parse_sweep,
    print_sweep,
    sweep_data,
    sweep_with_progress,
    write_sweep,
)
from ..options import CompareOptions, json_option, json_text, metric_options, print_json, store_option, stored_options

if TYPE_CHECKING:
    import xarray as xr


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
    measure: CompareOptions,
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
    write = _writer(output, SUFFIXES if steps else None)
    chosen = {"dataset": dataset, "layer": layer, "pooling": pooling}
    store = Store(store_path)
    found = find_representations(sources, store, ids_paths=ids_paths, **chosen)
    known = None if covariates is None else find_representations([covariates], store, ids_paths=(), **chosen)[0]
    if known is not None and not sources:
        # Of all that is stored, what is taken out leaves nothing of itself to compare.
        found = [each for each in found if each.recipe != known.recipe]
    if len(found) < 2:
        raise InputError("a comparison needs at least two representations; one alone: hyle dimension")
    if steps is not None:
        named = by_name(found)
        swept = sweep_with_progress(named, *steps, engine_options(measure) | ({"covariates": known} if known else {}))
        swept.attrs["recipe"] = json.dumps({name: dict(rep.recipe) for name, rep in named.items()}, default=str)
        if output is not None:
            write_sweep(swept, steps[0], output)
            say(f"wrote {output}")
        if as_json:
            print_json(sweep_data(swept, steps[0]))
        else:
            print_sweep(swept, steps[0])
        return
    common = set.intersection(*(set(each.ids) for each in ([*found, known] if known else found)))
    if len(common) >= 4:  # the engine knows why there are fewer
        measure.check(len(common))
    comparison = compare_with_progress(found, measure, covariates=known)
    outliers = outlying_in_any(by_name(found))
    others = compare_others(found, measure, known, outliers)
    if output is not None:
        write(comparison, output)
        say(f"wrote {output}")
    if as_json:
        data = as_data(comparison) | {"norm_outliers": outliers}
        print_json(data if others is None else data | {"without_outliers": as_data(others)["results"]})
        return
    print_comparison(comparison)
    print_layers(comparison)
    for name, ids in outliers.items():
        click.echo(f"{name}: far outside, over 4 times as far from the mean as usual: {listed(ids)}")
    if others is not None:
        click.echo(f"without these rows, on the other {others.attrs['n']} samples:")
        print_comparison(others)


def _writer(output: Path | None, suffixes: Sequence[str] | None = None) -> Callable[[Any, Path], object]:
    def write_json(comparison: xr.Dataset, path: Path) -> None:
        write_atomically(path, json_text(as_data(comparison)).encode())

    def write_html(comparison: xr.Dataset, path: Path) -> None:
        from ..analyses import run_default_analyses
        from ..report import write_report

        write_report(comparison, path, run_default_analyses(comparison))

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
        raise InputError(f"--output {output}: the suffix must be one of {', '.join(allowed)}")
    return writers[output.suffix] if output is not None else write_csv
