"""Embed samples with models and keep the result."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import click

from hyle.zoo import (
    Dataset,
    Key,
    Representation,
    Store,
    find_card,
    load,
    load_dataset,
    model_recipe,
    write_embeddings,
)

from .._console import progress_bar, say
from .._options import dataset_options, json_option, print_json, store_option

# Samples that are committed together: what an interruption loses at most.
SHARD = 128


def embed(
    name: str,
    dataset: Dataset,
    store: Store,
    *,
    layer: str | None = None,
    pooling: str | None = None,
    batch_size: int | None = None,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Representation, bool]:
    """Embed a data set with one model, or return what the store has.

    Args:
        name: a model of the zoo.
        dataset: the samples.
        store: where the result is kept; a shard of 128 samples is safe as soon as it is written.
        layer: default the card's first.
        pooling: default the card's.
        batch_size: default the card's.
        device: as torch names devices.
        progress: called with (samples done, samples in all).

    Returns:
        The representation, and whether it was in the store already.
    """
    recipe = model_recipe(find_card(name), layer=layer, pooling=pooling)
    recipe |= {"dataset": dataset.name, "dataset_version": dataset.version, "dataset_source": dataset.source}
    key = Key.of(recipe)
    found = store.load(key)
    if found is not None:
        return found, True
    model = load(name, device=device, notify=say)
    with store.extraction(key, dataset.ids, recipe) as extraction:
        finished = extraction.finished
        todo = [sample for sample in dataset if sample.id not in finished]
        for start in range(0, len(todo), SHARD):
            before = len(dataset) - len(todo) + start

            def show(done: int, _: int, before: int = before) -> None:
                if progress is not None:
                    progress(before + done, len(dataset))

            shard = todo[start : start + SHARD]
            batch = model.run(shard, layer=layer, pooling=pooling, batch_size=batch_size, progress=show)
            extraction.write_shard(batch.ids, batch.embedding, batch.energies, batch.dropped)
        return extraction.commit(), False


@click.command()
@click.argument("models", nargs=-1, required=True)
@dataset_options(default_n=500)
@click.option("--layer", help="A layer that the model's card names. [default: the last before the readout]")
@click.option("--pooling", help="mean, sum or cumulants(1..4). [default: the card's]")
@click.option("--batch-size", type=click.IntRange(1), help="Samples at once. [default: the card's]")
@click.option("--device", default="cpu", show_default=True, help="Where the model runs, as torch names devices.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Also write a file; the suffix says how.")
@store_option
@json_option
def command(
    models: tuple[str, ...],
    dataset: str,
    samples: int,
    seed: int,
    layer: str | None,
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
    """
    for name in models:
        find_card(name)
    if output is not None and len(models) > 1:
        raise click.UsageError("--output takes one model at a time")
    data = load_dataset(dataset, n=samples, seed=seed, notify=say)
    store = Store(store_path)
    results = []
    for name in models:
        representation, _ = embed_with_bar(
            name, data, store, layer=layer, pooling=pooling, batch_size=batch_size, device=device
        )
        if output is not None:
            say(f"wrote {write_embeddings(representation, output)}")
        results.append(
            {
                "model": name,
                "shape": list(representation.embedding.shape),
                "dropped": dict(representation.dropped),
                "energies": representation.energies is not None,
                "recipe": dict(representation.recipe),
            }
        )
    if as_json:
        print_json(results)


def embed_with_bar(
    name: str,
    dataset: Dataset,
    store: Store,
    *,
    layer: str | None = None,
    pooling: str | None = None,
    batch_size: int | None = None,
    device: str = "cpu",
) -> tuple[Representation, bool]:
    """Do what `embed` does, and show it."""
    start = time.monotonic()
    with progress_bar(name, len(dataset)) as update:
        representation, reused = embed(
            name,
            dataset,
            store,
            layer=layer,
            pooling=pooling,
            batch_size=batch_size,
            device=device,
            progress=lambda done, total: update(done, ""),
        )
    n, d = representation.embedding.shape
    how = "from the store" if reused else f"{time.monotonic() - start:.1f} s"
    lost = f", {len(representation.dropped)} left out" if representation.dropped else ""
    say(f"  {name:<18} {n} x {d:<5} {how}{lost}")
    return representation, reused
