"""`python -m bench.roofline`: where the time of all metrics at once goes, stage by stage, beside what the core can do.

On one core, so that no stage hides behind another; each is measured on one block of rows of a model of each width, and
scaled to all rows and models.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click
import numpy as np

from .cases import mixed
from .inputs import models
from .results import FOLDER, machine
from .text import rows_of

K, DIMENSION_K, BLOCK, ROUNDS = 10, 50, 500, 5


@dataclass
class Stage:
    """Seconds, floating-point operations of its products and bytes that must pass through memory, for all models."""

    name: str
    seconds: float = 0.0
    flops: float = 0.0
    bytes: float = 0.0

    def bound(self, peak: float, bandwidth: float) -> float:
        return max(self.flops / peak, self.bytes / bandwidth)


def best(call: Callable[[], Any]) -> float:
    """Return the shortest of some warm calls."""
    import jax

    jax.block_until_ready(call())
    found = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        jax.block_until_ready(call())
        found.append(time.perf_counter() - started)
    return min(found)


def limits() -> tuple[float, float]:
    """Measure what one core does: operations a second in a large product, bytes a second in a copy."""
    import jax
    import jax.numpy as jnp

    square = jnp.ones((2048, 2048))
    multiply = jax.jit(lambda x: jnp.matmul(x, x, precision=jax.lax.Precision.HIGHEST))
    source, target = np.ones(2**26, np.float32), np.empty(2**26, np.float32)
    return 2 * 2048**3 / best(lambda: multiply(square)), 2 * source.nbytes / best(lambda: np.copyto(target, source))


def measure(n: int, widths: tuple[int, ...]) -> list[Stage]:
    """Measure every stage of all metrics of the study at once."""
    import jax.numpy as jnp

    from hyle.engine.block_pass.run import count_ranks, products_of_kernels
    from hyle.engine.gram import gram_of, median_of_prepared, prepare, stacked
    from hyle.engine.neighbours import block_table

    m, size = len(widths), min(BLOCK, n)
    query = np.arange(size, dtype=np.int32)
    blocks, block = n / size, size * n * 4.0  # bytes of one Gram product of a block
    ready, median = Stage("centring, lengths, bounds"), Stage("median distance: half a product, order statistic")
    gram, euclidean = Stage("Gram products"), Stage(f"Euclidean neighbours, k = {DIMENSION_K}")
    cosine, ranked = Stage(f"cosine neighbours, k = {K}"), Stage(f"ranks of {m} neighbours")
    products = Stage("three kernels of all models, their products")
    representations, grams = [], []
    near = np.random.default_rng(0).integers(0, n, (size, m)).astype(np.int32)
    for width in sorted(set(widths)):
        times = widths.count(width)
        (array,) = models(n, (width,))
        x = jnp.asarray(array)
        prepared = prepare(x)
        product = gram_of(prepared.points, query)
        representations += [prepared] * times
        grams += [product] * times
        table = block_table(prepared, product, query, DIMENSION_K, "euclidean", ordered=32)
        ready.seconds += times * best(lambda x=x: prepare(x))
        ready.bytes += times * 2 * array.nbytes
        median.seconds += times * best(lambda prepared=prepared: median_of_prepared(prepared))
        median.flops += times * n * n * width
        gram.seconds += times * blocks * best(lambda prepared=prepared: gram_of(prepared.points, query))
        gram.flops += times * 2 * n * n * width
        for stage, metric, k in ((euclidean, "euclidean", DIMENSION_K), (cosine, "cosine", K)):
            find = best(
                lambda s=prepared, g=product, metric=metric, k=k: block_table(s, g, query, k, metric, ordered=32)
            )
            stage.seconds += times * blocks * find
            stage.bytes += times * blocks * block
        count = best(lambda s=prepared, g=product, t=table: count_ranks(s.norms, g, query, near, t.indices))
        ranked.seconds += times * blocks * count
        ranked.bytes += times * blocks * block
    norms, sigmas = stacked([prepared.norms for prepared in representations]), jnp.ones(m)
    kernels = ("linear", "rbf", "distance")
    products.seconds = blocks * best(lambda: products_of_kernels(norms, grams, query, kernels, sigmas))
    products.flops = len(kernels) * 2 * m * m * n * n
    products.bytes = blocks * block * m
    return [ready, median, gram, euclidean, cosine, ranked, products]


def table(stages: list[Stage], peak: float, bandwidth: float) -> list[str]:
    """Return the rows of the Markdown table, with their sum."""
    total = Stage("all", *(sum(getattr(one, name) for one in stages) for name in ("seconds", "flops", "bytes")))
    bounds = [one.bound(peak, bandwidth) for one in stages]
    rows = []
    for one, bound in zip([*stages, total], [*bounds, sum(bounds)], strict=True):
        share = f"{100 * one.seconds / total.seconds:.0f} %"
        cells = [f"{one.seconds:.2f}", share, f"{one.flops / 1e9:.0f}", f"{one.bytes / 1e9:.1f}"]
        rows.append([one.name, *cells, f"{bound:.2f}", f"{100 * bound / one.seconds:.0f} %"])
    head = ("stage", "seconds", "share", "GFLOP of products", "GB", "bound, s", "reached")
    return rows_of(head, rows)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("-n", type=click.IntRange(64), default=4000, help="Samples.")
@click.option("-m", type=click.IntRange(2), default=16, help="Models, of 256 to 1,024 columns.")
@click.option("--write/--no-write", default=True, help="Put the table into bench/results.")
def main(n: int, m: int, write: bool) -> None:
    """Measure where the time of all metrics at once goes."""
    if hasattr(os, "sched_setaffinity"):  # before JAX counts the cores
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    peak, bandwidth = limits()
    lines = table(measure(n, mixed(m)), peak, bandwidth)
    click.echo("\n".join(lines))
    if not write:
        return
    about = machine()
    told = (
        f"{m} models of {n:,} samples, widths 256 to 1,024, on one core, which multiplies {peak / 1e9:.0f} GFLOP/s in "
        f"a product of 2,048 x 2,048 and copies {bandwidth / 1e9:.1f} GB/s. The bound of a stage is the longer of what "
        "its products and its bytes take at these rates; comparing, exponentials and roots are in no bound."
    )
    where = f"{about['cpu']}, {about['date']}, commit {about['commit']}."
    path = FOLDER / "roofline.md"
    path.write_text("\n".join(["# Where the time goes", "", told, "", *lines, "", where, ""]))
    click.echo(f"wrote {path}")


if __name__ == "__main__":
    main()
