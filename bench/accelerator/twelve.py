"""The twelve metrics of the study at once, next to bare products and to torch by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import numpy as np

from ..metrics import STUDY
from .by_hand import BY_HAND, find_torch
from .differences import difference
from .measuring import OPTIONS, clock, panel, peak_memory, shortest, work
from .rows import Job, Row

SIZES, QUICK_SIZES, WIDTHS = (4000, 50_000), (400, 2000), (256,) * 4
# Rows of a block of a bare product.
BLOCK = 2000


def measure(job: Job) -> Iterator[Row]:
    """Yield times and memory at two numbers of samples."""
    for n in QUICK_SIZES if job.quick else SIZES:
        models = panel(n, WIDTHS)
        yield from _engine(job, n, models)
        yield from _by_hand(n, models)


def name_of(n: int) -> str:
    """Return how the row of the engine is called."""
    return f"{len(STUDY)} metrics of {len(WIDTHS)} x {n:,} x {WIDTHS[0]}"


def _engine(job: Job, n: int, models: dict[str, Any]) -> Iterator[Row]:
    from hyle.engine import compare

    seconds = clock(lambda: compare(models, metrics=STUDY, **OPTIONS), budget=job.left / 4)
    peak = peak_memory()
    bare = clock(lambda: _bare_products(models))["best"]
    products, passes = work(n, WIDTHS, STUDY)
    yield Row(
        name_of(n),
        seconds["best"],
        "s",
        ratio=seconds["best"] / bare,
        to="bare products",
        bound=shortest(job, products),
        facts={"first": seconds["first"], "n": n, "widths": WIDTHS, "products": products, "passes": passes},
    )
    inputs = sum(x.nbytes for x in models.values())
    yield Row(f"peak memory at {n:,} samples", peak, "bytes", ratio=peak / inputs, to="inputs")
    bound = shortest(job, n**2 * sum(WIDTHS))
    yield Row(f"bare products at {n:,} samples", bare, "s", bound=bound, facts={"n": n})


def _bare_products(models: dict[str, Any]) -> None:
    for x in models.values():
        size = min(BLOCK, len(x))
        for start in range(0, len(x), size):
            last = _product()(x, start, size)
        last.block_until_ready()


@cache
def _product() -> Any:
    import jax

    def product(x: Any, start: Any, size: int) -> Any:
        rows = jax.lax.dynamic_slice_in_dim(x, start, size)
        return jax.numpy.matmul(rows, x.T, precision=jax.lax.Precision.HIGHEST)

    return jax.jit(product, static_argnames="size")


def _by_hand(n: int, models: dict[str, Any]) -> Iterator[Row]:
    device, reason = find_torch()
    what = f"metrics by hand in torch at {n:,} samples"
    if reason:
        yield Row(what, skipped=reason)
        return
    import torch

    from hyle.engine import compare

    torch.backends.cuda.matmul.allow_tf32 = False
    tensors = [torch.from_numpy(np.array(x)).to(device) for x in models.values()]
    call = partial(compare, models, metrics=list(BY_HAND), **OPTIONS)
    found, engine, total = call(), clock(call)["best"], 0.0
    for metric, function in BY_HAND.items():
        value = partial(_on_host, function, tensors)
        seconds = clock(value)["best"]
        total += seconds
        apart = {"difference": difference(value(), found[metric].values)}
        yield Row(f"{metric} by hand in torch at {n:,} samples", seconds, "s", facts=apart)
    yield Row(f"the same {len(BY_HAND)} in one comparison", engine, "s", ratio=engine / total, to="torch by hand")


def _on_host(function: Callable[[Any], Any], tensors: Any) -> Any:
    return function(tensors).cpu().numpy()  # waits until they are computed
