"""How much work a comparison is, and how much memory it takes, before it is computed."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from ..base import InputError, one_thread_products
from ..context import CompareConfig, plan_pass
from ..metrics import Metric, find_metric
from ..neighbours import multiplied_pairs, searched_pairs
from ..permutation import features_permute_cheaper
from .compare import DEFAULT_METRICS
from .estimate_memory import estimate_memory
from .inference import configured
from .limits import check_size
from .queries import check_queries
from .resamples import count_permutations

# Passes over an array that handling one entry costs, as `python -m bench.estimate` measures them: finding the nearest
# in a row, distances and their sums, Gaussians with their median, ranks of one neighbour, sorting a row, looking up the
# rank of one permuted neighbour, and joining two edges. Counting the inversions of two orders of distances took 95 to
# 163 for 500 to 2,000 samples.
TABLE, DISTANCE, GAUSSIAN, RANK, SORT, LOOKUP, JOIN, INVERSIONS = 14, 28, 44, 5, 60, 150, 30, 150
# The same in whole blocks of rows, of which several of these are found at once.
BLOCK_TABLE, BLOCK_DISTANCE, BLOCK_GAUSSIAN, BLOCK_RANK = 10, 5, 20, 0.6
# Passes that comparing the similarities of a row to one neighbour costs, and multiplications of a matrix product that
# take as long as one in a product of single rows.
SIMILARITY, SINGLE = 50, 12
# How often the speed of the processor is measured.
ROUNDS = 7
# Multiplications that take as long as a column of one row does in building and searching a graph of two rows.
GRAPH = 8000


@dataclass(frozen=True)
class Stage:
    """One stage of a comparison.

    Args:
        name: what is computed.
        products: multiplications in matrix products.
        passes: numbers that are read and written one by one, each as often as it is.
    """

    name: str
    products: float = 0.0
    passes: float = 0.0


@dataclass(frozen=True)
class Estimate:
    """What a comparison will take; see `estimate`.

    Args:
        n: number of samples.
        widths: columns of each model.
        permutations: their number.
        linear: how linear kernels are computed: "d x d products of features", "n x n products of rows", or "".
        stages: the stages of the work, in order.
        memory: bytes beyond the inputs, as matrices of float32 in the order of the ids. Other inputs are copied once.
        seconds: CPU seconds on the processor at hand, right within a factor of two to three, without compilation.
    """

    n: int
    widths: tuple[int, ...]
    permutations: int
    linear: str
    stages: tuple[Stage, ...]
    memory: int
    seconds: float


def estimate(
    n: int,
    widths: Sequence[int],
    metrics: Sequence[str | Metric] | str | Metric = DEFAULT_METRICS,
    *,
    grouped: bool = False,
    **options: Any,
) -> Estimate:
    """Estimate the work and the memory of a comparison on a CPU, and check that nothing refuses its size.

    Args:
        n: number of samples.
        widths: columns of each model.
        metrics: as in `hyle.engine.compare`.
        grouped: whether samples are permuted within groups.
        options: of `hyle.engine.compare` by keyword, such as ``k`` and ``permutations``. ``"auto"`` counts the 200 that
            are drawn first.

    Returns:
        The estimate. Multiplications are counted, and the time of a multiplication is measured for a tenth of a second.
        Metrics of rows alone (Procrustes, CCA, linear regression, reconstruction errors) are not included, nor is the
        copy of all rows that the second-order cosine similarity makes.

    Raises:
        ValueError: `hyle.engine.compare` would refuse so many samples, an unknown metric, k out of range.

    Example:
        >>> small, large = (estimate(n, [128] * 7, ["cka", "mutual_knn"], block=64) for n in (10**5, 10**6))
        >>> round(large.stages[1].products / small.stages[1].products)
        100
    """
    config, inference = configured(None, None, options)
    asked = [metrics] if isinstance(metrics, str | Metric) else metrics
    chosen = [find_metric(metric) for metric in asked]
    if n < 4 or n != int(n) or not widths or min(widths) < 1:
        raise InputError(f"n={n} and widths={list(widths)}: give at least 4 samples, and the columns of each model")
    inference = check_queries(chosen, config, inference)
    config.check(n, chosen)
    count = count_permutations(chosen, len(widths), inference)
    check_size(n, widths, chosen, config, grouped=grouped and count > 0)
    needs = sorted({need for metric in chosen for need in metric.needs})
    plan, m, total = plan_pass(needs, n, widths, config, half=config.queries is None), len(widths), sum(widths)
    pairs, square = m * (m + 1) / 2, float(n) * min(n, config.queries or n)
    crossed = sum(a * b for a, b in combinations_with_replacement(widths, 2))
    stages = []
    if plan.features:
        stages.append(Stage("linear kernels, by features", products=n * crossed))
    if "rbf" in plan.kernels:
        stages.append(Stage("median distances", products=square * total / 2))
    if plan.search == "hnsw":
        steps = n * math.log2(n) * GRAPH
        stages.append(Stage("graph of neighbours", products=len(plan.tables) * total * steps))
    elif plan.kernels or plan.tables:
        # One half of each symmetric matrix, where nothing but neighbours or nothing but kernels is computed.
        alone = not (plan.kernels or plan.ranks or config.queries or config.block)
        halves = bool(plan.kernels) and not plan.tables
        each: tuple[float, ...] = (TABLE, DISTANCE, GAUSSIAN, RANK)
        if not (alone or halves or config.queries):
            each = (BLOCK_TABLE, BLOCK_DISTANCE, BLOCK_GAUSSIAN, BLOCK_RANK)
        kernels = {"linear": 0, "distance": each[1], "rbf": each[2]}
        handled = sum(kernels[kernel] for kernel in plan.kernels) + each[0] * len(plan.tables)
        handled += each[3] * m * plan.ranks
        products = (multiplied_pairs(n) if alone else square) * total + len(plan.kernels) * pairs * square
        passes = handled * m * (searched_pairs(n) if alone else square)
        if halves:
            products, passes = products / 2, passes / 2
        name = "all pairs of samples" if config.queries is None else "queries with all samples"
        stages.append(Stage(name, products=products, passes=passes))
    neighbours = [metric.name for metric in chosen if "neighbours" in metric.needs and metric.kind == "pair"]
    if neighbours:
        joined = pairs * square / n * config.k**2 * JOIN
        stages.append(Stage("neighbours of all pairs of models", passes=joined * len(neighbours) / 4))
    if "second_order_cosine" in neighbours:
        stages.append(_similarities("similarities to neighbours", n, widths, config, 1))
    ordered = [metric.name for metric in chosen if metric.name.split("_")[0] == "rsa"]
    if ordered:
        products, passes = len(ordered) * square * total / 2, len(ordered) * SORT * m * square / 2
        stages.append(Stage("distances in order", products=products, passes=passes))
    inversions = INVERSIONS * pairs * square / 2 * ("rsa_kendall" in ordered)
    if inversions:
        stages.append(Stage("orders of all pairs of models", passes=inversions))
    evaluation = len(stages)
    if count:
        features = plan_pass(needs, n, widths, config).features
        stages += _permuted(n, widths, needs, features, len(neighbours), config.k, config.rank_k, count, grouped)
        if inversions:
            stages.append(Stage("permutations, orders of distances", passes=count * inversions))
        if "second_order_cosine" in neighbours:
            stages.append(_similarities("permutations, similarities to neighbours", n, widths, config, count))
    if inference.jackknife_groups:
        once = stages[:evaluation]
        stages.append(
            Stage(
                "without jackknife groups",
                products=inference.jackknife_groups * sum(stage.products for stage in once),
                passes=inference.jackknife_groups * sum(stage.passes for stage in once),
            )
        )
    linear = "d x d products of features" if plan.features else "n x n products of rows"
    per_product, per_pass = _measure_rates()
    return Estimate(
        n=n,
        widths=tuple(widths),
        permutations=count,
        linear=linear if "linear" in needs else "",
        stages=tuple(stages),
        memory=estimate_memory(
            n,
            widths,
            chosen,
            plan,
            k=config.k,
            queries=config.queries,
            permutations=count,
            jackknife=inference.jackknife_groups > 0,
        ),
        seconds=sum(per_product * stage.products + per_pass * stage.passes for stage in stages),
    )


def _similarities(name: str, n: int, widths: Sequence[int], config: CompareConfig, orders: int) -> Stage:
    """Return the stage that compares the similarities to the neighbours of all pairs, in so many orders of samples."""
    m, rows = len(widths), min(n, config.queries or n)
    single = SINGLE * (m + 1) * orders * config.k
    products = rows * sum(widths) * (single if config.queries else min(n, single))
    return Stage(name, products=products, passes=SIMILARITY * m * (m + 1) / 2 * orders * rows * config.k)


def _permuted(
    n: int,
    widths: Sequence[int],
    needs: Sequence[str],
    features: bool,
    neighbours: int,
    k: int,
    rank_k: int,
    count: int,
    grouped: bool,
) -> list[Stage]:
    """Return the stages of the permutations."""
    m, total, square = len(widths), sum(widths), float(n) * n
    pairs, cycles = m * (m + 1) / 2, 0 if grouped else math.ceil((count + 1) / n)
    stages = []
    for kernel in ("linear", "rbf", "distance"):
        if kernel not in needs:
            continue
        if kernel == "linear" and features and features_permute_cheaper(n, widths, count, cycles):
            stages.append(Stage("permutations, linear kernels", products=count * n * total**2))
        elif grouped:
            products = square * (total + count * m**2)
            stages.append(Stage(f"permutations, {kernel} kernels", products=products, passes=count * m * square))
        else:
            products, passes = cycles * square * total, cycles * (TABLE + DISTANCE * (kernel != "linear")) * m * square
            stages.append(Stage(f"permutations, {kernel} kernels", products=products, passes=passes))
    if neighbours:
        each = (count if grouped else cycles) * pairs * n * k**2 * JOIN
        stages.append(Stage("permutations, neighbours", passes=neighbours * each / (10 if grouped else 1)))
    if "ranks" in needs:
        passes = SORT * m * square + LOOKUP * count * m**2 * n * rank_k
        stages.append(Stage("permutations, ranks", products=square * total, passes=passes))
    return stages


def _measure_rates() -> tuple[float, float]:
    """Measure the CPU seconds of one multiplication in a product and of one pass over a number: the best of a few.

    In one thread, since the threads of BLAS use a core while they wait for their next product.
    """
    generator = np.random.default_rng(0)
    rows, others = (generator.random(shape, np.float32) for shape in ((256, 256), (256, 2**14)))
    numbers = generator.random(2**21, np.float32)
    product, single = math.inf, math.inf
    with one_thread_products():
        for _ in range(ROUNDS):
            start = time.thread_time()
            rows @ others
            between = time.thread_time()
            np.maximum(numbers, 0, out=numbers)
            end = time.thread_time()
            product = min(product, (between - start) / (256 * 256 * 2**14))
            single = min(single, (end - between) / 2**21)
    return product, single
