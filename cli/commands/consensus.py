"""`hyle consensus`: what a panel of models shares, as embeddings of its own."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

import click

from hyle.zoo import InputError, Store, check_output, write_embeddings

from ..console import say
from ..interrupts import INTERRUPTS
from ..jobs import (
    consensus_data,
    find_representations,
    panel_labels,
    print_label_probes,
    print_shared_part,
    probe_labels_with_progress,
    select_rows,
    shared_part_with_progress,
)
from ..options import (
    FileSelection,
    LocalPath,
    RowSelection,
    SectionedCommand,
    file_options,
    json_option,
    parse_groups,
    print_json,
    row_options,
    split,
    store_option,
    stored_options,
)
from ..outputs import check_file, replace_option


@click.command(cls=SectionedCommand, short_help="Extract what models have in common.")
@click.argument("sources", nargs=-1, required=True)
@click.option(
    "--probe",
    metavar="all|LABEL|FILE[:COLUMN]",
    help="Also test what the shared part predicts, beside single models, their private parts, and all together: all "
    "labels of the data set, one of them, or a column of a .csv file whose first column is the sample id.",
)
@click.option(
    "--siblings",
    multiple=True,
    metavar="A,B",
    help="SOURCES that have one vote together, as models of one family have; repeat it for each such group. [default: "
    "the families of the model cards]",
)
@click.option(
    "--rank",
    "n_shared",
    type=click.IntRange(1),
    help="Number of shared coordinates. [default: as many as are significant]",
)
@click.option(
    "--ridge",
    type=click.FloatRange(0, min_open=True),
    help="Penalty, as a share of the variance of a model. [default: the one with which families agree best on held-out "
    "samples]",
)
@click.option(
    "--permutations",
    type=click.IntRange(19),
    default=99,
    show_default=True,
    help="Number of permutations of the samples, for the number of shared coordinates.",
)
@click.option(
    "--groups",
    metavar="FILE|KIND",
    callback=lambda _context, _option, text: parse_groups(text),
    help="Samples that are not independent, as in `hyle compare`: whole groups are permuted and held out. [default: "
    "samples for rows of atoms, residues or tokens; for stored embeddings with over 5 % repeated samples, whole "
    "molecular graphs, sequences or formulas]",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of folds and permutations.")
@row_options(by=False)
@stored_options
@file_options
@click.option(
    "-o",
    "--output",
    type=LocalPath(path_type=Path),
    help="Write the shared coordinates to this file: .npz, .npy, .parquet, .safetensors, .csv, .h5 or .zarr.",
)
@replace_option
@store_option
@json_option
def command(
    sources: tuple[str, ...],
    probe: str | None,
    siblings: tuple[str, ...],
    n_shared: int | None,
    ridge: float | None,
    permutations: int,
    groups: Mapping[str, str] | str | None,
    seed: int,
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
    """Extract what models have in common, as a representation of its own.

    SOURCES are files of embeddings, or models that `hyle embed` has embedded, as in `hyle compare`. What they share is
    found by generalised canonical correlation analysis; each family of models has one vote, and controls have none. The
    coordinates of every sample are computed by weights that were fitted on other samples. The file is read by every
    command that reads embeddings.

    \b
    Examples:
      hyle consensus rxnmapper nagl-1.0.0 ani-2xt aimnet2 -o shared.npz
      hyle consensus rxnmapper nagl-1.0.0 ani-2xt composition --probe all
      hyle consensus a.npz b.npz b-seed1.npz --siblings b,b-seed1 -o shared.npz
      hyle consensus nagl-1.0.0 aimnet2 --per atom --where element=O
      hyle compare shared.npz rxnmapper nagl-1.0.0 ani-2xt
    """
    if output is not None:
        check_output(output)
        beside = [output.with_suffix(".ids.txt")] if output.suffix == ".npy" else []
        target = check_file(output, replace=replace_output, companions=beside)
    joined = [split(names) or [] for names in siblings]
    representations = find_representations(
        sources,
        Store(store_path),
        dataset=dataset,
        layer=layer,
        pooling=pooling,
        per=rows.per,
        files=files,
        command=shlex.join(["hyle", "consensus", *sources]),
    )
    representations = select_rows(representations, rows)
    ids = sorted(set.intersection(*(set(each.ids) for each in representations)))
    labels = panel_labels(probe, ids, representations) if probe is not None and ids else {}
    part = shared_part_with_progress(
        representations,
        siblings=joined,
        groups=groups,
        rank=n_shared,
        ridge=ridge,
        permutations=permutations,
        seed=seed,
    )
    probes = probe_labels_with_progress(part, labels) if labels and part.result.rank else {}
    if output is not None and part.representation is not None:
        with INTERRUPTS.unwinding():
            say(target.written(write_embeddings(part.representation, output)))
    if as_json:
        print_json(consensus_data(part, probes))
    else:
        print_shared_part(part)
        if probes:
            print_label_probes(part, probes)
    if output is not None and part.representation is None:
        raise InputError(
            f"nothing was written to {output}, since the models share nothing; --rank 1 writes the first coordinate "
            "nevertheless"
        )
