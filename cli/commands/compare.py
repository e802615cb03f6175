"""`hyle compare`: compare representations, all with all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from hyle.zoo import InputError, Store

from ..comparison import (
    by_label_data,
    ceilings_data,
    ceilings_of,
    differences_data,
    differences_of,
    model_names,
    notes,
    number,
    pairs_in_order,
    parse_difference,
    parse_pair,
    print_by_label,
    print_ceilings,
    print_comparison,
    print_differences,
    print_layers,
    print_outliers,
    read_scores,
    score_columns,
)
from ..console import say
from ..jobs import (
    BY_LABEL_SUFFIXES,
    COMPARISON_SUFFIXES,
    SWEEP_SUFFIXES,
    agreement_by_sample,
    as_data,
    by_name,
    check_common,
    check_suffix,
    choose_anchors,
    compare,
    compare_by_label,
    compare_with_progress,
    compare_without_outliers,
    estimate_comparison,
    find_compared,
    parse_sweep,
    print_agreement_by_sample,
    print_estimate,
    relative_to,
    start_run,
    sweep_data,
    sweep_steps,
    sweep_with_progress,
    swept_single,
    write_by_label,
    write_comparison,
    write_sweep,
)
from ..options import (
    AnchorOptions,
    CompareOptions,
    DeviceOptions,
    FileSelection,
    LocalPath,
    RowSelection,
    SectionedCommand,
    anchor_options,
    device_options,
    file_options,
    json_option,
    metric_options,
    print_json,
    row_options,
    store_option,
    stored_options,
)
from ..outputs import check_file, replace_option
from ..tables import print_table

if TYPE_CHECKING:
    import xarray as xr


@click.command(cls=SectionedCommand, short_help="Compare embeddings, all with all.")
@click.argument("sources", nargs=-1)
@metric_options("cka,cka_rbf,mutual_knn,cknna,intrinsic_dimension")
@click.option(
    "--covariates",
    help="A file, or an embedded model such as composition, that is regressed out of all SOURCES first.",
)
@click.option(
    "--sweep",
    metavar="k=5,10,25",
    help="Compare at several numbers of neighbours (k=...) or of samples (n=...), and show how stable the order of "
    "the pairs is.",
)
@click.option(
    "--difference",
    "differences",
    multiple=True,
    metavar="A-B:A-C",
    help="Test whether two pairs of models are equally aligned, for example whether A is nearer to B than to C. Names "
    "of SOURCES; repeat it for more. Uses --intervals 20 if no other number is given.",
)
@click.option(
    "--ceiling",
    metavar="A,B",
    help="Also give each score as a share of that of these two models, such as two trainings of one architecture.",
)
@anchor_options()
@stored_options
@file_options
@row_options(by=True)
@device_options
@click.option(
    "-o",
    "--output",
    type=LocalPath(path_type=Path),
    help="Also write the comparison to this file: .nc (netCDF), .csv, .json or .html (report).",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Only print what the comparison would take: its stages, CPU time and memory. Nothing is computed or written.",
)
@replace_option
@store_option
@json_option
def command(
    sources: tuple[str, ...],
    measure: CompareOptions,
    covariates: str | None,
    sweep: str | None,
    differences: tuple[str, ...],
    ceiling: str | None,
    anchors: AnchorOptions,
    dataset: str | None,
    layer: str | None,
    pooling: str | None,
    files: FileSelection,
    rows: RowSelection,
    where: DeviceOptions,
    output: Path | None,
    dry_run: bool,
    replace_output: bool,
    store_path: Path,
    as_json: bool,
) -> None:
    """Compare representations, all with all, and print every score next to its chance level.

    SOURCES are files of embeddings, or models that `hyle embed` has embedded (MODEL, MODEL@LAYER, or MODEL@all for all
    its layers). If a model was embedded on several data sets, the set that the other SOURCES share is used. Without
    SOURCES, all models of one data set are compared: the set on which most models in the store were embedded.

    Samples are matched by their ids, in any order. File formats: .npz, .npy, .h5, .pt, .safetensors, .zarr, .h5ad;
    tables (.csv, .tsv, .parquet, .feather, .jsonl) with ids and numbered columns or lists; folders of ESM, of Hugging
    Face, or with one vector per file. One line per file says what was read as what.

    \b
    Examples:
      hyle compare a.npz b.npz --metrics cka,mutual_knn -k 10
      hyle compare minilm chgnet-0.3.0 -o result.html
      hyle compare a.npz b.npz c.npz --sweep k=5,10,25,50,100
      hyle compare --covariates composition --metrics cka
      hyle compare a.npz b.npz c.npz --difference a-b:a-c
      hyle compare chgnet-0.3.0 dpa3-mptrj --anchors 100
      hyle compare aimnet2 nagl-1.0.0 --per atom --by element
    """
    steps = None if sweep is None else parse_sweep(sweep)
    if rows.by and (steps is not None or differences or ceiling or dry_run):
        raise InputError("--by compares the rows of each label: omit --sweep, --difference, --ceiling and --dry-run")
    if output is not None:
        suffixes = COMPARISON_SUFFIXES if steps is None else SWEEP_SUFFIXES
        check_suffix(output, BY_LABEL_SUFFIXES if rows.by else suffixes)
        target = check_file(output, replace=replace_output)
    representations, known = find_compared(
        sources,
        Store(store_path),
        covariates=covariates,
        files=files,
        dataset=dataset,
        layer=layer,
        pooling=pooling,
        rows=rows,
    )
    chosen = choose_anchors(representations, anchors) if anchors.given else None
    if chosen is not None:
        representations = relative_to(representations, chosen)
        say(chosen.note(representations))
    if dry_run and (steps is not None or known is not None):
        option = "--covariates, which leave fewer samples" if steps is None else "--sweep"
        raise InputError(f"--dry-run is for one comparison: omit {option}")
    if rows.per and known is not None:
        raise InputError(
            f"--covariates cannot be combined with --per {rows.per}: {rows.per}s of one sample depend on "
            "each other; omit --covariates"
        )
    if rows.per and measure.search == "hnsw" and measure.neighbours_outside is None:
        raise InputError(
            f"--search hnsw cannot exclude {rows.per}s of the same sample: use --search exact, or add --outside none"
        )
    if rows.per and measure.queries is not None:
        say(
            f"warning: queries are single {rows.per}s: intervals treat them as independent, and the chance level "
            "ignores what they are"
        )
    if measure.search == "hnsw" and (where.devices or where.coordinator):
        raise InputError("--search hnsw runs on the CPU of one process: omit --devices, --coordinator and the others")
    if left_out := measure.left_out():
        option = "--queries" if measure.queries is not None else "--search hnsw"
        say(f"note: {option} leaves out {', '.join(left_out)}, for which all pairs of samples are needed")
    if steps is not None:
        over, values = steps
        run = start_run(where)
        swept = sweep_with_progress(by_name(representations), over, values, measure, covariates=known, where=run.where)
        swept.attrs |= chosen.attributes if chosen else {}
        if not run.prints:
            run.complete()
            return
        if output is not None:
            say(target.written(write_sweep(swept, over, output)))
        if as_json:
            print_json(sweep_data(swept, over))
        else:
            _print_sweep(swept, over)
        run.complete()
        return
    if dry_run:
        check_common(representations, measure, known)
        plan = estimate_comparison(representations, measure)
        print_json(plan) if as_json else print_estimate(plan)
        return
    names = list(by_name(representations))
    pairs = [parse_difference(text, names) for text in differences]
    like = None if ceiling is None else parse_pair(ceiling, names, "--ceiling")
    if (pairs or like) and not measure.jackknife_groups:
        measure = replace(measure, jackknife_groups=20)
    check_common(representations, measure, known)
    run = start_run(where)
    if rows.by:
        by_label = compare_by_label(
            representations,
            rows.by,
            measure,
            lambda parts: compare(parts, measure, covariates=known, where=run.where),
        )
        label, first = next(iter(by_label.comparisons.items()))
        if run.prints and first.attrs["units"]:
            say(f"note: {label}: {first.attrs['units']}; and so on for each {rows.by}")
        if run.prints and output is not None:
            say(target.written(write_by_label(by_label, output)))
        if run.prints:
            print_json(by_label_data(by_label)) if as_json else print_by_label(by_label)
        run.complete()
        return
    comparison = compare_with_progress(
        representations,
        measure,
        covariates=known,
        attributes=chosen.attributes if chosen else None,
        keep_resamples=bool(pairs or like),
        where=run.where,
    )
    by_sample = agreement_by_sample(representations) if chosen else None
    found = differences_of(comparison, pairs)
    shares = {} if like is None else ceilings_of(comparison, like)
    outliers, others = compare_without_outliers(comparison, representations, measure, known, run.where)
    if not run.prints:
        run.complete()
        return
    if output is not None:
        say(target.written(write_comparison(comparison, output)))
    if as_json:
        data = as_data(comparison) | {"norm_outliers": outliers}
        data |= {"differences": differences_data(found)} if found else {}
        data |= {"ceiling": ceilings_data(shares)} if shares else {}
        data |= {"agreement_by_sample": by_sample} if by_sample else {}
        print_json(data if others is None else data | {"without_outliers": as_data(others)["results"]})
    else:
        print_comparison(comparison)
        print_layers(comparison)
        if found:
            print_differences(found)
        if shares:
            print_ceilings(shares)
        if by_sample:
            print_agreement_by_sample(by_sample)
        print_outliers(comparison, outliers, others)
    run.complete()


def _print_sweep(swept: xr.Dataset, over: str) -> None:
    """Print a table per metric with one column per step, and the stability of the order of the pairs.

    The chance level is in brackets, and a score that is not significantly above chance is marked.
    """
    names, headings = model_names(swept), [f"{over} = {step}" for step in swept[over].values]
    steps = [score_columns(list(read_scores(step).values())) for step in sweep_steps(swept, over)]
    # Both directions have to be shown if they differ at any step.
    columns = max(steps, key=len)
    for first in columns:
        at = [next(c for c in (*step, *columns) if c.score.name == first.score.name) for step in steps]
        at = [replace(column, arrow=first.arrow, level=float("nan")) for column in at]
        order = pairs_in_order([first.score], len(names))
        rows = [(names[i], names[j], *(column.cell((i, j)) for column in at)) for i, j in order]
        click.echo(f"{first.score.label} {first.arrow}".rstrip())
        print_table(("model", "other", *headings), rows, right=headings, keys=2)
        click.echo(_stability(swept[f"{first.score.name}_stability"].values, headings))
    for metric in swept_single(swept, over):
        values = swept[metric].transpose(over, ...).values
        click.echo(str(swept[metric].attrs.get("long_name", metric)))
        rows = [(name, *(_formatted(value) for value in values[:, i])) for i, name in enumerate(names)]
        print_table(("model", *headings), rows, right=headings, keys=1)
        click.echo()
    scores = [column.score for column in columns]
    legend = ["( ) chance level of the pair"] if any(np.isfinite(score.chance).any() for score in scores) else []
    click.echo("".join(f"{line}\n" for line in [*legend, *notes(scores)]), nl=False)


def _stability(stable: np.ndarray, headings: list[str]) -> str:
    if not np.isfinite(stable).any():
        return ""
    a, b = np.unravel_index(np.nanargmin(stable), stable.shape)
    least = number(float(stable[a, b]), 2)
    return (
        f"order of the pairs: rank correlation between any two steps at least {least} "
        f"({headings[min(a, b)]} and {headings[max(a, b)]})\n"
    )


def _formatted(value: float) -> str:
    return number(float(value), 2) if np.isfinite(value) else "–"
