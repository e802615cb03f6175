"""`hyle benchmark`: compare one model with the reference panel, and say whether it is foundational."""

from __future__ import annotations

import warnings
from pathlib import Path

import click

from hyle.zoo import InputError, Store

from ..atomic import write_atomically
from ..benchmark import METRICS, benchmark, find_subject, print_card, render_card
from ..console import say
from ..jobs import check_suffix
from ..options import (
    FileSelection,
    LocalPath,
    SectionedCommand,
    file_options,
    json_option,
    json_text,
    print_json,
    store_option,
)
from ..outputs import check_file, replace_option


@click.command(cls=SectionedCommand, short_help="Compare a model with a panel of models.")
@click.argument("source", required=False)
@click.option(
    "--domain",
    type=click.Choice(["materials", "molecules", "proteins"]),
    help="Kind of samples. [default: what the model was trained on, or else the first kind that it can read]",
)
@click.option(
    "--out",
    type=LocalPath(exists=True, path_type=Path),
    help="If SOURCE is a file: a second file, with embeddings of the out-of-distribution samples.",
)
@click.option(
    "--family",
    help="Exclude models of this family from means over the panel. [default: the family in the model's card]",
)
@click.option(
    "--metric", default=METRICS[0], show_default=True, help="Primary metric: the pair metric used for the diagnosis."
)
@click.option("--device", default="cpu", show_default=True, help="Torch device that runs the model, such as cuda.")
@click.option(
    "-o",
    "--output",
    type=LocalPath(dir_okay=False, path_type=Path),
    help="Also write the result to this file: .html or .json.",
)
@replace_option
@click.option(
    "--rebuild-panel",
    type=LocalPath(file_okay=False, path_type=Path),
    help="For developers: embed all samples with all models of the panel, write the panel into this folder, and stop.",
)
@file_options
@store_option
@json_option
def command(
    source: str | None,
    domain: str | None,
    out: Path | None,
    family: str | None,
    metric: str,
    device: str,
    output: Path | None,
    replace_output: bool,
    rebuild_panel: Path | None,
    files: FileSelection,
    store_path: Path,
    as_json: bool,
) -> None:
    """Compare one model with a panel of well-known models that is part of hyle.

    The result shows performance, alignment to the best model and to the panel, intrinsic dimension and nearest
    relatives, in and out of distribution, and whether the model is foundational: accurate and aligned.

    SOURCE is a model of `hyle models`, an adapter class of your own (MODULE:CLASS), a model of the Hugging Face hub
    (hf:ORGANISATION/NAME), or a file of embeddings of these samples:

    \b
      domain     in distribution       out of distribution
      materials  300 crystals (mptrj)  random-tp
      molecules  300 molecules (qm9)   drugs; exotic for models of atoms
      proteins   117 (proteins)        peptides

    \b
    Examples:
      hyle benchmark chgnet-0.2.0
      hyle benchmark mymodule:MyModel --domain molecules -o card.html
      hyle benchmark mine.npz --out mine-drugs.npz --json
    """
    if rebuild_panel is not None:
        from ..benchmark import rebuild_panel as rebuild

        rebuild(rebuild_panel, Store(store_path), device=device)
        return
    if source is None:
        raise click.UsageError("Missing argument 'SOURCE': a model of `hyle models`, or a file of embeddings")
    if output is not None:
        check_suffix(output, (".html", ".json"))
        target = check_file(output, replace=replace_output)
    from hyle.engine import find_metric

    if find_metric(metric).kind != "pair":
        raise InputError(f"--metric {metric} compares no pairs: use a pair metric, such as {', '.join(METRICS)}")
    with warnings.catch_warnings():
        # pymatgen's, for noble gases; they are attributed to functools, whose cache computes the property.
        warnings.filterwarnings("ignore", "No Pauling electronegativity", UserWarning, "functools")
        subject = find_subject(
            source, Store(store_path), domain=domain, out=out, family=family, device=device, files=files
        )
        card = benchmark(subject, metric=find_metric(metric).name)
    if output is not None:
        text = json_text(card) if output.suffix == ".json" else render_card(card)
        say(target.written(write_atomically(output, text.encode())))
    if as_json:
        print_json(card)
    else:
        print_card(card)
