"""`hyle stitch`: apply a head that was fitted to one model to another model."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from hyle.zoo import NODE_KINDS, Store

from ..console import say
from ..jobs import find_representations, print_stitched, select_rows, stitch, stitched_data
from ..options import (
    AnchorOptions,
    FileSelection,
    RowSelection,
    SectionedCommand,
    anchor_options,
    file_options,
    json_option,
    parse_groups,
    print_json,
    store_option,
    stored_options,
)


class Penalty(click.ParamType):
    """A number above 0, or ``loo``, which becomes None."""

    name = "number|loo"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        """Return the number, or None."""
        if value in (None, "loo"):
            return None
        return float(click.FloatRange(0, min_open=True).convert(value, param, ctx))


@click.command(cls=SectionedCommand, short_help="Apply a head of one model to another.")
@click.argument("sources", nargs=-1, required=True)
@click.option(
    "--label",
    required=True,
    metavar="NAME|FILE[:COLUMN]",
    help="What the heads predict: a label of the data set, or a column of a .csv file (sample id, number). The energy "
    "of structures is taken per atom.",
)
@click.option(
    "--groups",
    metavar="FILE|KIND",
    callback=lambda _context, _option, text: parse_groups(text),
    help="What is held out together: a .csv file (sample id, group), or formula, scaffold, ...; none for single "
    "samples. [default: samples for rows of atoms, residues or tokens; sequences; formulas]",
)
@click.option(
    "--folds",
    type=click.IntRange(5),
    default=5,
    show_default=True,
    help="Number of folds that groups are divided into.",
)
@click.option(
    "--penalty",
    type=Penalty(),
    default=0.1,
    show_default=True,
    help="Penalty of the heads, as a share of the variance of the columns. A smaller penalty fits the head's own "
    "model better and other models worse. loo chooses the best one for the own model, by leave-one-out errors.",
)
@click.option(
    "--standardise",
    is_flag=True,
    help="Standardise the columns of each model by its own training samples, without labels. The stitched model is "
    "then seen before it is stitched.",
)
@click.option(
    "--permutations",
    type=click.IntRange(0),
    default=99,
    show_default=True,
    help="Number of permutations of the anchors, for the p-value of each pair; 0 for none.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of folds and permutations.")
@anchor_options(100)
@click.option("--per", type=click.Choice(NODE_KINDS), help="Use the stored rows of atoms, residues or tokens.")
@stored_options
@file_options
@store_option
@json_option
def command(
    sources: tuple[str, ...],
    label: str,
    groups: Mapping[str, str] | str | None,
    folds: int,
    penalty: float | None,
    standardise: bool,
    permutations: int,
    seed: int,
    anchors: AnchorOptions,
    per: str | None,
    dataset: str | None,
    layer: str | None,
    pooling: str | None,
    files: FileSelection,
    store_path: Path,
    as_json: bool,
) -> None:
    """Fit a linear head to one model's similarities to anchors, and apply it to those of another (zero-shot stitching).

    SOURCES are files of embeddings, or models that `hyle embed` has embedded. Every sample is described by its cosine
    similarities to the same anchors, so that a head of one model can read another. R² of all ordered pairs is shown
    beside that of the heads that each model has for itself, and beside that of composition alone.

    \b
    Examples:
      hyle stitch ani-2xt aimnet2 --label gap --dataset qm9
      hyle stitch chgnet-0.3.0 dpa3-mptrj --label energy --dataset mptrj
      hyle stitch a.npz b.npz --label labels.csv:gap --groups groups.csv
    """
    representations = find_representations(
        sources,
        Store(store_path),
        dataset=dataset,
        layer=layer,
        pooling=pooling,
        per=per,
        files=files,
        command=shlex.join(["hyle", "stitch", *sources]),
    )
    representations = select_rows(representations, RowSelection(per))
    stitched = stitch(
        representations,
        label,
        anchors,
        dataset=dataset,
        id_column=files.id_column,
        groups=groups,
        penalty=penalty,
        standardise=standardise,
        folds=folds,
        permutations=permutations,
        seed=seed,
    )
    say(stitched.anchors.words)
    print_json(stitched_data(stitched)) if as_json else print_stitched(stitched)
