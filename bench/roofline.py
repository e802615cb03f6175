"""`python -m bench.roofline`: measure the time of each stage of all metrics at once, next to the limits of the core.

One core is used, so that no stage overlaps with another. Each stage is measured on one block of rows of a model of each
width, and scaled to all rows and models.
"""

from __future__ import annotations

import os
import sys
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
    """Seconds, floating-point operations of the products and bytes that must pass through memory, for all models."""

    name: str
    seconds: float = 0.0
    flops: float = 0.0
    bytes: float = 0.0

    def bound(self, peak: float, bandwidth: float) -> float:
        """Return the lower bound of the seconds."""
        return max(self.flops / peak, self.bytes / bandwidth)


def best(call: Callable[[], Any]) -> float:
    """Return the shortest time of `ROUNDS` warm calls."""
    import jax

    jax.block_until_ready(call())
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        jax.block_until_ready(call())
        times.append(time.perf_counter() - started)
    return min(times)


def limits() -> tuple[float, float]:
    """Measure the limits of one core: operations per second in a large product, bytes per second in a copy."""
    import jax
    import jax.numpy as jnp

    square = jnp.ones((2048, 2048))
    multiply = jax.jit(lambda x: jnp.matmul(x, x, precision=jax.lax.Precision.HIGHEST))
    source, target = np.ones(2**26, np.float32), np.empty(2**26, np.float32)
    return 2 * 2048**3 / best(lambda: multiply(square)), 2 * source.nbytes / best(lambda: np.copyto(target, source))


def measure(n: int, widths: tuple[int, ...]) -> list[Stage]:
    """Measure every stage of all metrics of the study at once."""
    from hyle.engine.block_pass.run import products_of_kernels
    from hyle.engine.gram import gram_of, median_of_prepared, prepare, stacked
    from hyle.engine.neighbours import block_table, ranks_numpy

    m, size = len(widths), min(BLOCK, n)
    query = np.arange(size, dtype=np.int32)
    blocks, block = n / size, size * n * 4.0  # bytes of one Gram product of a block
    preparation, median = (
        Stage("centring, lengths, bounds"),
        Stage("median distance: half a product, order statistic"),
    )
    gram, euclidean = Stage("Gram products"), Stage(f"Euclidean neighbours, k = {DIMENSION_K}")
    cosine, ranks = Stage(f"cosine neighbours, k = {K}"), Stage(f"ranks of {m} neighbours")
    products = Stage("three kernels of all models, their products")
    representations, grams = [], []
    neighbours = np.random.default_rng(0).integers(0, n, (size, m)).astype(np.int32)
    for width in sorted(set(widths)):
        count = widths.count(width)
        (array,) = models(n, (width,))
        prepared = prepare(array, kept=False)  # as in a comparison of many models on a CPU
        product = gram_of(prepared.points, query)
        representations += [prepared] * count
        grams += [product] * count
        table = block_table(prepared, product, query, DIMENSION_K, "euclidean", ordered=32)
        preparation.seconds += count * best(lambda x=array: prepare(x, kept=False))
        preparation.bytes += count * 2 * array.nbytes
        median.seconds += count * best(lambda prepared=prepared: median_of_prepared(prepared))
        median.flops += count * n * n * width
        gram.seconds += count * blocks * best(lambda prepared=prepared: gram_of(prepared.points, query))
        gram.flops += count * 2 * n * n * width
        for stage, metric, k in ((euclidean, "euclidean", DIMENSION_K), (cosine, "cosine", K)):
            search = best(
                lambda s=prepared, g=product, metric=metric, k=k: block_table(s, g, query, k, metric, ordered=32)
            )
            stage.seconds += count * blocks * search
            stage.bytes += count * blocks * block
        counting = best(lambda s=prepared, g=product, t=table: ranks_numpy(s, g, query, neighbours, t.indices))
        ranks.seconds += count * blocks * counting
        ranks.bytes += count * blocks * block
    norms, sigmas = stacked([prepared.norms for prepared in representations]), np.ones(m, np.float32)
    kernels = ("linear", "rbf", "distance")
    products.seconds = blocks * best(lambda: products_of_kernels(norms, grams, query, kernels, sigmas))
    products.flops = len(kernels) * 2 * m * m * n * n
    products.bytes = blocks * block * m
    return [preparation, median, gram, euclidean, cosine, ranks, products]


def table(stages: list[Stage], peak: float, bandwidth: float) -> list[str]:
    """Format the Markdown table of the stages and their sum."""
    total = Stage("all", *(sum(getattr(stage, name) for stage in stages) for name in ("seconds", "flops", "bytes")))
    bounds = [stage.bound(peak, bandwidth) for stage in stages]
    rows = []
    for stage, bound in zip([*stages, total], [*bounds, sum(bounds)], strict=True):
        share = f"{100 * stage.seconds / total.seconds:.0f} %"
        cells = [f"{stage.seconds:.2f}", share, f"{stage.flops / 1e9:.0f}", f"{stage.bytes / 1e9:.1f}"]
        rows.append([stage.name, *cells, f"{bound:.2f}", f"{100 * bound / stage.seconds:.0f} %"])
    head = ("stage", "seconds", "share", "GFLOP of products", "GB", "bound, s", "bound / seconds")
    return rows_of(head, rows)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("-n", type=click.IntRange(64), default=4000, help="Number of samples.")
@click.option("-m", type=click.IntRange(2), default=16, help="Number of models, with 256 to 1,024 columns.")
@click.option("--write/--no-write", default=True, help="Write the table to bench/results.")
def main(n: int, m: int, write: bool) -> None:
    """Measure the time of each stage of all metrics at once."""
    if hasattr(os, "sched_setaffinity") and len(cores := os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, {min(cores)})
        # NumPy and JAX count the cores when they are imported.
        os.execv(sys.executable, [sys.executable, "-m", "bench.roofline", *sys.argv[1:]])
    peak, bandwidth = limits()
    lines = table(measure(n, mixed(m)), peak, bandwidth)
    click.echo("\n".join(lines))
    if not write:
        return
    info = machine()
    caption = (
        f"{m} models of {n:,} samples, widths 256 to 1,024, on one core, which reaches {peak / 1e9:.0f} GFLOP/s in a "
        f"product of 2,048 x 2,048 and copies {bandwidth / 1e9:.1f} GB/s. The bound of a stage is the longer of the "
        "times that its products and its bytes take at these rates; it does not include comparisons, exponentials and "
        "roots."
    )
    source = f"{info['cpu']}, {info['date']}, commit {info['commit']}."
    path = FOLDER / "roofline.md"
    path.write_text("\n".join(["# Where the time goes", "", caption, "", *lines, "", source, ""]))
    click.echo(f"wrote {path}")


if __name__ == "__main__":
    main()
