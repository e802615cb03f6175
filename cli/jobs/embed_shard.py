"""Embed one shard of a data set, while other processes embed the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeVar

from hyle.zoo import Dataset, Key, Model, Representation, Store, keep_freed_memory, load
from hyle.zoo.fleet import Here, fetched_card

from ..console import SILENT, SilentProgress, say, with_progress
from ..interrupts import INTERRUPTS
from .stored_rows import Rows, find_rows, how_made, label_of, line_of, without_mark

T = TypeVar("T")


@dataclass(frozen=True)
class Shard:
    """Every ``n``-th sample of a data set, starting with the ``i``-th, counted from 1.

    Several processes can embed different shards at the same time, without a lock.
    """

    i: int
    n: int

    def __str__(self) -> str:
        return f"{self.i}/{self.n}"


@dataclass(frozen=True)
class Incomplete:
    """What is known of a representation after one of its shards.

    Args:
        model: name of the model.
        layer: the layer.
        total: number of samples of the data set.
        missing: number of samples that are not embedded yet; None if the shard has no samples, so that nothing was
            looked up.
        shards: the shards that these samples are in.
    """

    model: str
    layer: str
    total: int
    missing: int | None
    shards: Sequence[Shard]


def embed_shard(
    name: str,
    dataset: Dataset,
    store: Store,
    shard: Shard,
    layers: Sequence[str | None],
    take: Callable[[Representation, bool], T],
    *,
    pooling: str | None = None,
    per: str | None = None,
    half: bool = False,
    batch_size: int | None = None,
    device: str = "cpu",
    loader: Callable[..., Model] = load,
    progress: SilentProgress = SILENT,
) -> list[T | Incomplete]:
    """Embed one shard of a data set with one model, while other processes embed other shards of it.

    Samples that any process has embedded already are skipped. The process that finds all samples embedded stores the
    representation, which is the same as that of `embed_together`.

    Args:
        name: see `embed_together`, also for the other arguments.
        dataset: all samples.
        store: where the embeddings are stored; no lock of its file system is used.
        shard: which samples this process embeds.
        layers: the layers; None for the first of the card.
        take: called with each representation that is complete, and whether it was in the store already.
        pooling: default that of the card.
        per: see `embed`.
        half: see `embed`.
        batch_size: default that of the card.
        device: name of a torch device.
        loader: loads the model if there is anything to embed.
        progress: shows a progress bar and a summary; default nothing.

    Returns:
        What ``take`` has returned, for each layer; what is missing for those that are not complete.

    Raises:
        OutputError: the store cannot be written.
    """
    if not layers:
        return []
    start, made = time.monotonic(), dict[Key, Incomplete]()
    own = dataset.samples[shard.i - 1 :: shard.n]
    with progress.bar(f"{label_of(name, *layers)} {shard}", len(own)) as update, INTERRUPTS.unwinding():
        card = fetched_card(name, notify=say)

        def found_there(rows: Rows, representation: Representation) -> T:
            progress.say(line_of(label_of(name, rows.layer), representation, "from the store"))
            return take(representation, True)

        wanted = [Rows(layer, pooling, per, half) for layer in layers]
        found = find_rows(card, dataset, store, wanted, found_there, shared=True)
        if found.missing and own:
            job = found.job(name, card, dataset, store, device, batch_size)
            with ExitStack() as stack:
                extractions = [
                    stack.enter_context(store.extraction(part.key, job.ids, part.recipe, job.groups, shared=True))
                    for part in job.parts
                ]
                Here(loader, notify=say).run(job, extractions, own, update)
                how = how_made(start, len(job.parts))
                for part, extraction in zip(job.parts, extractions, strict=True):
                    missing, label = set(extraction.unfinished()), label_of(name, part.layer)
                    if missing:
                        places = {position % shard.n for position, i in enumerate(dataset.ids) if i in missing}
                        shards = [Shard(place + 1, shard.n) for place in sorted(places)]
                        made[part.key] = Incomplete(name, part.key.layer, len(dataset), len(missing), shards)
                        left = f"{len(missing)} of {len(dataset)}"
                        progress.say(
                            f"  {label:<18} shard {shard} is done; samples of the whole data set still missing: {left}"
                        )
                    else:
                        representation = extraction.commit()
                        progress.say(line_of(label, representation, next(how)))
                        found.taken[part.key] = take(without_mark(representation), False)
        elif found.missing:
            of_samples = "1 sample" if len(dataset) == 1 else f"{len(dataset)} samples"
            for key, (rows, _) in found.missing.items():
                made[key] = Incomplete(name, key.layer, len(dataset), None, [])
                label = label_of(name, rows.layer)
                progress.say(f"  {label:<18} shard {shard} is empty, because the data set has only {of_samples}")
    return [made[key] if key in made else found.taken[key] for key in found.keys]


embed_shard_with_progress = with_progress(embed_shard, prepare=keep_freed_memory)
