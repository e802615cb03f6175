"""Standard errors and intervals of every score, by the delete-a-group jackknife."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import stdtrit

from ..base import InputError
from ..context import MetricContext
from ..metrics import Metric

# The fewest groups from which a standard error can be estimated.
MIN_GROUPS = 5


def draw_jackknife_groups(
    n: int, count: int, *, groups: Sequence[Any] | None = None, seed: int = 0
) -> list[np.ndarray]:
    """Divide n samples at random into jackknife groups; return the sorted row numbers of each.

    Args:
        n: number of samples.
        count: number of jackknife groups.
        groups: n labels; samples of one label stay together. Each label goes to the jackknife group that is smallest at
            its turn, in random order.
        seed: of the random order.

    Without labels, all groups have n // count samples and the rest belong to none, so that the samples that remain
    without a group always have the same shape.

    Raises:
        ValueError: fewer than `MIN_GROUPS` groups or labels, or more groups than samples.
    """
    generator = np.random.default_rng([seed, n, count])
    if count < MIN_GROUPS:
        raise InputError(f"jackknife_groups={count} are too few for a standard error: use 0 for none, or 20")
    if groups is None:
        if n // count < 1:
            raise InputError(f"{n} samples cannot be divided into {count} jackknife groups: use fewer")
        return [np.sort(part) for part in generator.permutation(n)[: n // count * count].reshape(count, -1)]
    names, labels = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    if len(names) < MIN_GROUPS:
        raise InputError(f"{len(names)} groups are too few for intervals, which exclude whole groups: use at least 5")
    found: list[list[int]] = [[] for _ in range(min(count, len(names)))]
    for label in generator.permutation(len(names)):
        min(found, key=len).extend(np.flatnonzero(labels == label))
    return [np.sort(part) for part in found]


def delete_group_jackknife(
    context: MetricContext,
    metrics: Sequence[Metric],
    left_out: Sequence[np.ndarray],
    progress: Callable[[int, int], None] | None = None,
) -> Mapping[str, np.ndarray]:
    """Evaluate metrics without each jackknife group: metric name -> values [g, ...].

    Unlike a bootstrap, no sample is repeated: a repeated sample would be the nearest neighbour of its copy.
    """
    found: dict[str, list[Any]] = {metric.name: [] for metric in metrics}
    needs = sorted({need for metric in metrics for need in metric.needs})
    for done, part in enumerate(left_out):
        kept = np.setdiff1d(np.arange(context.n), part)
        fewer = replace(context, arrays=[x[kept] for x in context.arrays], progress=None, _cache={})
        fewer.run_pass(needs)
        for metric in metrics:
            found[metric.name].append(np.asarray(metric.evaluate(fewer).value, np.float64))
        if progress is not None:
            progress(done + 1, len(left_out))
    return {name: np.stack(values) for name, values in found.items()}


def jackknife_interval(
    value: np.ndarray, without: np.ndarray, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return standard errors and the ends of intervals, by the delete-a-group jackknife.

    ``se^2 = (g - 1) / g sum (v_i - mean v)^2`` over the g values v_i that each lack one group. The interval is value
    +- t se, with the quantile t of Student's distribution with g - 1 degrees of freedom. It describes the variation
    between sets of n samples of the same kind, for fixed models. That a score changes with the number of samples
    shifts all v_i equally and does not contribute.

    Args:
        value: [...], values on all samples.
        without: [g, ...], values without each group.
        level: confidence level, between 0 and 1.

    Returns:
        Standard error, lower end and upper end, each [...].

    Source: Kott (2001), J. Official Statistics 17, 521; Efron & Stein (1981), Ann. Stat. 9, 586.
    """
    count = len(without)
    error = np.sqrt((count - 1) / count * ((without - without.mean(0)) ** 2).sum(0))
    margin = stdtrit(count - 1, (1 + level) / 2) * error
    return error, value - margin, value + margin
