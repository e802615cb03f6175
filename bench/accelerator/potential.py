"""Samples per second of one potential of the zoo on the device."""

from __future__ import annotations

from collections.abc import Iterator

from .by_hand import find_torch
from .measuring import clock
from .rows import Job, Row

N, QUICK_N = 256, 16
WHAT = "potential of the zoo"


def measure(job: Job) -> Iterator[Row]:
    """Yield the samples per second of the first potential that loads without a network."""
    device, reason = find_torch()
    if reason:
        yield Row(WHAT, skipped=reason)
        return
    try:
        from hyle.zoo import load, load_dataset
    except ImportError as error:
        yield Row(WHAT, skipped=f"hyle.zoo cannot be imported: {error}")
        return
    import torch

    names = installed()
    if not names:
        yield Row(WHAT, skipped="no package that contains the weights of a potential is installed")
        return
    model = load(names[0], device=device)
    drawn = list(load_dataset("alexandria", n=QUICK_N if job.quick else N, seed=0))
    samples = [sample for sample in drawn if model.adapter.unsupported(sample) is None]

    def call() -> None:
        model.embed(samples)
        if device == "cuda":
            torch.cuda.synchronize()

    seconds = clock(call, budget=10, runs=3)
    about = {"device": device, "samples": len(samples), "batch": model.card.batch_size, "first": seconds["first"]}
    yield Row(f"{names[0]}, Alexandria", len(samples) / seconds["best"], "samples/s", facts=about)


def installed() -> list[str]:
    """Return the potentials whose weights are in an installed package, so that loading them downloads nothing."""
    from hyle.zoo import list_models

    cards = [card for card in list_models() if card.energy and card.weights is not None and card.weights.package]
    usable = [card for card in cards if card.verified and not card.missing()]
    return [card.name for card in sorted(usable, key=lambda card: not card.default)]
