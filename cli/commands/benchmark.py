"""Measure one model against the reference panel, and say whether it is foundational."""

from __future__ import annotations

from pathlib import Path

import click

from hyle.zoo import InputError, Store

from ..atomic import write_atomically
from ..benchmark import (
    METRICS,
    benchmark,
    find_subject,
)
from ..console import say
from ..options import json_option, print_json, store_option


@click.command()
@click.argument("source", required=False)
@click.option(
    "--domain",
    type=click.Choice(["materials", "molecules", "proteins"]),
    help="Where to measure. [default: what the model was trained on, else the first that it reads]",
)
@click.option(
    "--out",
    type=click.Path(exists=True, path_type=Path),
    help="For a file: a second one, of samples out of distribution.",
)
@click.option("--family", help="Leave models of this family out of means. [default: what the card says]")
@click.option("--metric", default=METRICS[0], show_default=True, help="The pair metric that the diagnosis goes by.")
@click.option("--device", default="cpu", show_default=True, help="Where the model runs, as torch names devices.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Also write the card as .html or .json."
)
@click.option(
    "--rebuild-panel",
    type=click.Path(file_okay=False, path_type=Path),
    help="Measure nothing: embed all sets with all models of the panel, and write the panel into this folder.",
)
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
    rebuild_panel: Path | None,
    store_path: Path,
    as_json: bool,
) -> None:
    """Measure SOURCE against a panel of known models: performance, alignment, generality, dimension, relatives.

    SOURCE is a model of the zoo, an adapter of yours, a model of the Hugging Face hub, or a file of embeddings of the
    sets of the benchmark: 300 crystals (mptrj; out of distribution random-tp), 300 molecules (qm9; drugs, or for models
    that read atoms exotic), 117 proteins (proteins; peptides). The panel ships with hyle.

    \b
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
    if output is not None and output.suffix not in (".html", ".json"):
        raise InputError(f"--output {output}: the suffix must be .html or .json")
    from hyle.engine import find_metric

    if find_metric(metric).kind != "pair":
        raise InputError(f"--metric {metric} is of one model: use a pair metric, such as {', '.join(METRICS)}")
    from ..benchmark import print_card, render_card

    subject = find_subject(source, Store(store_path), domain=domain, out=out, family=family, device=device)
    card = benchmark(subject, metric=find_metric(metric).name)
    if output is not None:
        from ..options import json_text

        text = json_text(card) if output.suffix == ".json" else render_card(card)
        say(f"wrote {write_atomically(output, text.encode())}")
    if as_json:
        print_json(card)
    else:
        print_card(card)
