"""The samples of extractions in shards, and the work on one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..base import InputError, Sample
from ..embeddings import to_numpy
from ..models import Model
from ..store import Extraction
from .job import Job

# Samples that are committed to the store together: the most that an interruption loses.
SHARD_SIZE = 128
# The share of the distance of rows from their mean that may be lost in half precision.
MAX_LOSS = 0.01


def unfinished(extractions: Sequence[Extraction], samples: Sequence[Sample]) -> list[Sample]:
    """Return the samples that no process has embedded yet for all of some extractions."""
    left = {id_ for extraction in extractions for id_ in extraction.unfinished(sample.id for sample in samples)}
    return [sample for sample in samples if sample.id in left]


def split(samples: Sequence[Sample], workers: int = 1) -> list[Sequence[Sample]]:
    """Return the samples in shards, which are smaller if some workers would have none otherwise."""
    size = max(1, min(SHARD_SIZE, -(-len(samples) // workers)))
    return [samples[first : first + size] for first in range(0, len(samples), size)]


def embed_shard(
    model: Model,
    job: Job,
    extractions: Sequence[Extraction],
    samples: Sequence[Sample],
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Embed those samples of a shard that no process has embedded yet, and write them to the store.

    Parts of the job that lack the same samples are embedded in one pass, if the adapter can.

    Args:
        model: the loaded model.
        job: what is extracted.
        extractions: where the parts of the job are written.
        samples: the samples of the shard.
        progress: see `hyle.zoo.Model.embed`; not called if several passes are needed.

    Returns:
        The number of tokens that are not in the vocabulary of the model.

    Raises:
        InputError: half precision does not suffice for some layers; the others are written.
    """
    before = _unknown_tokens(model)
    passes: dict[tuple[str, ...], list[int]] = {}
    unfit: list[InputError] = []
    for number, extraction in enumerate(extractions):
        passes.setdefault(tuple(extraction.unfinished(sample.id for sample in samples)), []).append(number)
    passes.pop((), None)
    for left, numbers in passes.items():
        wanted = set(left)
        batches = model.run_layers(
            [sample for sample in samples if sample.id in wanted],
            [(job.parts[number].layer, job.parts[number].pooling) for number in numbers],
            per=job.per,
            batch_size=job.batch_size,
            progress=progress if len(passes) == 1 else None,
        )
        for number, batch in zip(numbers, batches, strict=True):
            rows, recipe = batch.embedding, job.parts[number].recipe
            if "dtype" in recipe and batch.ids:
                layer = job.parts[number].layer
                try:
                    rows = _in_dtype(rows, recipe["dtype"], f"{job.model}@{layer}" if layer else job.model)
                except InputError as error:
                    unfit.append(error)
                    continue
            extractions[number].write_shard(batch.ids, rows, batch.energies, batch.dropped, nodes=batch.nodes)
    if unfit:
        others = ", or name the other layers with --layers" if len(unfit) < len(extractions) else ""
        raise InputError(f"{'; '.join(map(str, unfit))}: omit --dtype{others}")
    return _unknown_tokens(model) - before


def _in_dtype(embedding: Any, dtype: str, model: str) -> np.ndarray:
    """Return rows in a dtype of half precision.

    Raises:
        InputError: a value is too large for it, or rows would lose more than `MAX_LOSS` of what tells them apart.
    """
    rows = to_numpy(embedding)
    with np.errstate(over="ignore"):  # reported below
        half = rows.astype(dtype)
    if not np.isfinite(half).all() and np.isfinite(rows).all():
        raise InputError(f"{model} has values up to {np.abs(rows).max():.3g}, too large for float16")
    spread = float(np.linalg.norm((rows - rows.mean(0, dtype=np.float64)).astype(np.float64)))
    lost = float(np.linalg.norm(rows.astype(np.float64) - half))
    if len(rows) > 1 and lost > MAX_LOSS * spread:
        raise InputError(
            f"{model}: the rows of a shard differ so little from their mean that float16 loses {lost / spread:.1%} "
            "of the differences"
        )
    return half


def unknown_line(model: str, unknown: int) -> str:
    """Return the line that reports tokens that are not in the vocabulary of a model."""
    return f"  {model}: {unknown} tokens are not in its vocabulary; it was not trained on such strings"


def _unknown_tokens(model: Model) -> int:
    return getattr(model.adapter, "unknown_tokens", 0)
