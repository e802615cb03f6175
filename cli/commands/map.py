"""`hyle map`: maps of representations in which each point shows its sample."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from hyle.zoo import InputError, Store

from ..console import TerminalProgress, say
from ..jobs import (
    check_chemiscope,
    find_representations,
    make_map,
    map_data,
    samples_to_show,
    select_rows,
    units_of,
    write_chemiscope,
    write_map,
)
from ..options import (
    FileSelection,
    LocalPath,
    RowSelection,
    SectionedCommand,
    file_options,
    json_option,
    print_json,
    row_options,
    store_option,
    stored_options,
)
from ..outputs import check_file, replace_option
from ..tables import print_table


@click.command(cls=SectionedCommand, short_help="Draw maps whose points show their structures.")
@click.argument("sources", nargs=-1)
@click.option(
    "--method",
    type=click.Choice(["pca", "umap"]),
    default="pca",
    show_default=True,
    help="pca: directions of largest variance, and for the shared space those that all models contain. umap: keeps "
    "neighbours, not distances.",
)
@click.option(
    "--colour",
    "--color",
    metavar="NAME|FILE[:COLUMN]",
    help="What colours the points at first: a label of the samples, element, disagreement (of the models on "
    "nearest neighbours), a kind of group such as scaffold, or a .csv file of ids and numbers. [default: the first "
    "label]",
)
@click.option(
    "--points",
    type=click.IntRange(3),
    default=20_000,
    show_default=True,
    help="The most samples that are shown, drawn at random.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of that draw and of umap.")
@click.option(
    "--samples",
    metavar="NAME|FILE[:COLUMN]",
    help="Where the samples come from: a name of `hyle datasets`, or a file, with the column that has the ids. "
    "[default: the data set that was embedded]",
)
@click.option("--no-structures", is_flag=True, help="Leave out the pictures of the samples and the 3D viewer.")
@row_options(by=False)
@stored_options
@file_options
@click.option(
    "-o",
    "--output",
    type=LocalPath(path_type=Path),
    help="The page (.html). [default: map.html, unless --json or --chemiscope is given]",
)
@click.option(
    "--chemiscope",
    type=LocalPath(path_type=Path),
    help="Also write a file (.json or .json.gz) that chemiscope opens.",
)
@replace_option
@store_option
@json_option
def command(
    sources: tuple[str, ...],
    method: str,
    colour: str | None,
    points: int,
    seed: int,
    samples: str | None,
    no_structures: bool,
    rows: RowSelection,
    dataset: str | None,
    layer: str | None,
    pooling: str | None,
    files: FileSelection,
    output: Path | None,
    chemiscope: Path | None,
    replace_output: bool,
    store_path: Path,
    as_json: bool,
) -> None:
    """Write a page with a map of each source, and one of the space that all of them share.

    SOURCES are files of embeddings, or models that `hyle embed` has embedded; without SOURCES, all models that were
    embedded on the same data set. Point at a sample, tap it, or move to it with the arrow keys: it is marked in every
    map, and its structure is drawn. The page is one file that opens offline.

    \b
    Examples:
      hyle map minilm chgnet-0.3.0 -o map.html
      hyle map --colour disagreement
      hyle map a.npz b.npz --samples mols.csv:name --colour activity.csv:pIC50
      hyle map chgnet-0.3.0 --chemiscope map.json.gz
    """
    if output is None and not as_json and chemiscope is None:
        output = Path("map.html")
    if output is not None and output.suffix.lower() != ".html":
        raise InputError(f"-o {output}: the page is a .html file, for example -o {output.with_suffix('.html')}")
    target = None if output is None else check_file(output, replace=replace_output)
    exported = None
    if chemiscope is not None:
        check_chemiscope(chemiscope)
        # Its format has no place for hyle's mark beyond a sentence, so that another file of it needs --replace.
        exported = check_file(chemiscope, replace=replace_output)
    representations = find_representations(
        sources,
        Store(store_path),
        files=files,
        dataset=dataset,
        layer=layer,
        pooling=pooling,
        per=rows.per,
        command=shlex.join(["hyle", "map", *sources]),
    )
    representations = select_rows(representations, rows)
    if samples is None and dataset is not None and Path(dataset).exists():
        samples = dataset
    known = samples_to_show(representations, samples)
    progress = TerminalProgress()
    result = make_map(
        representations,
        known,
        units=units_of(representations, samples),
        method=method,
        colour=colour,
        points=points,
        seed=seed,
        progress=progress,
    )
    if result.total > len(result.ids):
        say(f"{len(result.ids):,} of {result.total:,} points are shown, drawn at random; --points N shows more")
    if exported is not None and chemiscope is not None:
        say(exported.written(write_chemiscope(result, chemiscope)))
    if target is not None and output is not None:
        say(target.written(write_map(result, output, structures=not no_structures, progress=progress)))
    if as_json:
        print_json(map_data(result))
        return
    shares = [
        (name, *(f"{share:.0%}" if share == share else "–" for share in one.shares))
        for name, one in result.planes.items()
    ]
    click.echo(f"{len(result.ids):,} points, {method.upper()}")
    if method == "pca":
        click.echo()
        print_table(("map", "first", "second"), shares, right=("first", "second"), keys=1)
        click.echo()
        click.echo("first, second: share of the variance; of the shared space, mean share that each model contains")
        if len(result.planes) > 1:
            click.echo(f"shares of the shared space by chance: {result.chance[0]:.0%}, {result.chance[1]:.0%}")
