"""`hyle arithmetic`: test whether A - B + C lies near D."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from hyle.zoo import NODE_KINDS, Store

from ..jobs import CHANGES, arithmetic, find_representations, print_arithmetic
from ..options import (
    FileSelection,
    SectionedCommand,
    file_options,
    json_option,
    print_json,
    store_option,
    stored_options,
)


@click.command(cls=SectionedCommand, short_help="Test embedding arithmetic: A - B + C = D.")
@click.argument("sources", nargs=-1, required=True)
@click.option(
    "--by",
    "change",
    type=click.Choice(CHANGES),
    default="formula",
    show_default=True,
    help="What A and B differ by, as D and C do: the numbers of atoms of the elements (rows are means of a formula); "
    "a substituent of molecules; the element of atoms, by period (rows are means of an element; with --per atom).",
)
@click.option(
    "--quadruples",
    type=click.IntRange(1),
    default=500,
    show_default=True,
    help="Number of quadruples to draw, at most.",
)
@click.option(
    "--similarity",
    type=click.Choice(["cosine", "euclidean"]),
    default="cosine",
    show_default=True,
    help="What is near, after subtraction of the mean.",
)
@click.option(
    "--permutations",
    type=click.IntRange(0),
    default=200,
    show_default=True,
    help="Number of permutations of the rows for each p-value; 0 for none.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of all draws.")
@click.option("--per", type=click.Choice(NODE_KINDS), help="Use the stored rows of atoms, residues or tokens.")
@stored_options
@file_options
@store_option
@json_option
def command(
    sources: tuple[str, ...],
    change: Any,
    quadruples: int,
    similarity: str,
    permutations: int,
    seed: int,
    per: str | None,
    dataset: str | None,
    layer: str | None,
    pooling: str | None,
    files: FileSelection,
    store_path: Path,
    as_json: bool,
) -> None:
    """Test whether A - B + C lies nearer to D than chance, where D is to C what A is to B (embedding arithmetic).

    SOURCES are files of embeddings, or models that `hyle embed` has embedded. Quadruples are found in the data. D is
    ranked among all others but A, B and C, beside chance, beside the same ranks without subtracting B, and for
    substituents beside the other molecules of its formula.

    \b
    Examples:
      hyle arithmetic ani-2xt aimnet2 composition --by substituent --dataset qm9
      hyle arithmetic chgnet-0.3.0 --dataset mptrj
      hyle arithmetic chgnet-0.3.0 --by element --per atom --dataset mptrj
    """
    representations = find_representations(
        sources,
        Store(store_path),
        dataset=dataset,
        layer=layer,
        pooling=pooling,
        per=per,
        files=files,
        command=shlex.join(["hyle", "arithmetic", *sources]),
    )
    found = arithmetic(
        representations,
        change,
        dataset=dataset,
        id_column=files.id_column,
        quadruples=quadruples,
        similarity=similarity,
        permutations=permutations,
        seed=seed,
    )
    print_json(found) if as_json else print_arithmetic(found)
