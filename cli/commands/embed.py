"""Embed samples with models and keep the result."""

from __future__ import annotations

from pathlib import Path

import click

from hyle.zoo import (
    ModelCard,
    Store,
    find_card,
    write_embeddings,
)

from ..console import say
from ..jobs import LastModelCache, check_views, embed_with_progress
from ..options import SampleSelection, dataset_options, json_option, print_json, split, store_option


@click.command()
@click.argument("models", nargs=-1, required=True)
@dataset_options(default_n=500)
@click.option("--layer", help="A layer that the model's card names. [default: the last before the readout]")
@click.option("--layers", help="Several layers, comma-separated, or all; each is kept, and compared as MODEL@LAYER.")
@click.option("--pooling", help="mean, sum or cumulants(1..4). [default: the card's]")
@click.option("--batch-size", type=click.IntRange(1), help="Samples at once. [default: the card's]")
@click.option("--device", default="cpu", show_default=True, help="Where the model runs, as torch names devices.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Also write a file; the suffix says how.")
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
    store_path: Path,
    as_json: bool,
) -> None:
    """Embed samples with MODELS and keep the result in the store.

    Interrupted, it continues where it stopped; run again, it reuses what is there.

    \b
    hyle embed minilm chgnet-0.3.0 -n 500
    hyle embed aimnet2 -n 1000 -o aimnet2.npz
    hyle embed rxnfp --layers all            then: hyle compare rxnfp@all chgnet-0.3.0
    hyle embed mymodule:MyModel              an adapter of yours
    hyle embed hf:organisation/name          an encoder or decoder of the Hugging Face hub

    \b
    Samples of your own: --dataset takes .csv .tsv .parquet .smi .sdf .fasta .xyz .extxyz .cif POSCAR
    .vasp .traj .db .aselmdb .pdb .mmcif, and folders of them.
    hyle embed minilm rxnfp --dataset mine.csv --column canonical --id-column name
    hyle embed chgnet-0.3.0 --dataset relaxed.extxyz -n 1000
    hyle embed sevennet-0 --dataset omat24/val -n 5000 --seed 1
    """
    if layer is not None and layers is not None:
        raise click.UsageError("give --layer or --layers, not both")
    jobs = [(name, one) for name in models for one in _layers(find_card(name, notify=say), layer, layers)]
    if output is not None and len(jobs) > 1:
        raise click.UsageError("--output takes one model and one layer at a time")
    data = draw.load()
    check_views([name for name, _ in jobs], data)
    store, loader = Store(store_path), LastModelCache()
    results = []
    for name, one in jobs:
        representation, _ = embed_with_progress(
            name, data, store, layer=one, pooling=pooling, batch_size=batch_size, device=device, loader=loader
        )
        if output is not None:
            say(f"wrote {write_embeddings(representation, output)}")
        results.append(
            {
                "model": representation.name,
                "layer": representation.recipe["layer"],
                "shape": list(representation.embedding.shape),
                "dropped": dict(representation.dropped),
                "left_out": dict(data.left_out),
                "energies": representation.energies is not None,
                "recipe": dict(representation.recipe),
            }
        )
    if as_json:
        print_json(results)


def _layers(card: ModelCard, layer: str | None, layers: str | None) -> list[str | None]:
    if layers is None:
        return [layer]
    return list(card.layers) if layers == "all" else list(split(layers) or [])
