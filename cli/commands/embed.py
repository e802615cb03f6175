"""`hyle embed`: embed samples with models and store the result."""

from __future__ import annotations

from pathlib import Path

import click

from hyle.zoo import Store, check_output, describe_repeats, find_card, group_sizes, write_embeddings

from ..console import say
from ..interrupts import INTERRUPTS
from ..jobs import LastModelCache, check_views, chosen_layers, embed_with_progress, embedding_data
from ..options import (
    LocalPath,
    SampleSelection,
    SectionedCommand,
    dataset_options,
    json_option,
    print_json,
    store_option,
)
from ..outputs import check_file, replace_option


@click.command(cls=SectionedCommand, short_help="Embed samples with models.")
@click.argument("models", nargs=-1, required=True)
@dataset_options(default_n=500)
@click.option("--layer", help="The layer to embed with. [default: the first in the model's card]")
@click.option(
    "--layers",
    help="Several layers, comma-separated, or all; each is stored, and is called MODEL@LAYER in `hyle compare`.",
)
@click.option(
    "--pooling",
    help="How atoms, tokens or residues become one row per sample: mean, sum or cumulants(1..4). [default: that of the "
    "model's card]",
)
@click.option(
    "--batch-size", type=click.IntRange(1), help="Number of samples per batch. [default: that of the model's card]"
)
@click.option("--device", default="cpu", show_default=True, help="Torch device that runs the model, such as cuda.")
@click.option(
    "-o",
    "--output",
    type=LocalPath(path_type=Path),
    help="Also write the embeddings to this file: .npz, .npy, .parquet, .safetensors, .csv, .h5 or .zarr.",
)
@replace_option
@store_option
@json_option
def command(
    models: tuple[str, ...],
    draw: SampleSelection,
    layer: str | None,
    layers: str | None,
    pooling: str | None,
    batch_size: int | None,
    device: str,
    output: Path | None,
    replace_output: bool,
    store_path: Path,
    as_json: bool,
) -> None:
    """Embed samples with MODELS and store the embeddings, for `hyle compare` and the other commands.

    MODELS are names of `hyle models`, adapter classes of your own (MODULE:CLASS), or models of the Hugging Face hub
    (hf:ORGANISATION/NAME). Weights are downloaded if necessary.

    An interrupted run continues where it stopped. Embeddings that are stored already are not computed again.

    \b
    Examples:
      hyle embed minilm chgnet-0.3.0 -n 500
      hyle embed aimnet2 -n 1000 -o aimnet2.npz
      hyle embed rxnfp --layers all
      hyle compare rxnfp@all                  compares these layers
      hyle embed mymodule:MyModel hf:organisation/name

    \b
    Samples of your own: --dataset takes a file, or a folder of files:
      tables of SMILES, SELFIES or sequences  .csv .tsv .parquet .smi .fasta
      molecules and crystals in 3D            .sdf .xyz .extxyz .cif .vasp
                                              .traj .db .aselmdb POSCAR
      protein chains                          .pdb .mmcif
      hyle embed minilm --dataset mine.csv --column canonical --id-column name
      hyle embed chgnet-0.3.0 --dataset relaxed.extxyz -n 1000
      hyle embed sevennet-0 --dataset omat24/val -n 5000 --seed 1
    """
    if layer is not None and layers is not None:
        raise click.UsageError("give --layer or --layers, not both")
    jobs = [
        (name, each)
        for name in models
        for card in [find_card(name, notify=say)]
        for each in ([layer] if layers is None else chosen_layers(card, layers))
    ]
    if output is not None and len(jobs) > 1:
        raise click.UsageError("--output takes one model and one layer at a time")
    if output is not None:
        check_output(output)
        ids = [output.with_suffix(".ids.txt")] if output.suffix == ".npy" else []
        target = check_file(output, replace=replace_output, companions=ids)
    data = draw.load(models=[name for name, _ in jobs])
    if repeats := describe_repeats(len(data), group_sizes(data.groups)):
        say(f"{data.name}: {repeats}")
    check_views([name for name, _ in jobs], data)
    store, loader = Store(store_path), LastModelCache()
    results = []
    for name, each in jobs:
        representation, _ = embed_with_progress(
            name, data, store, layer=each, pooling=pooling, batch_size=batch_size, device=device, loader=loader
        )
        if output is not None:
            with INTERRUPTS.unwinding():
                say(target.written(write_embeddings(representation, output)))
        results.append(embedding_data(representation, data))
    if as_json:
        print_json(results)
