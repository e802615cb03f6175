"""Standard errors and intervals of every score, by leaving out one part of the samples after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import stdtrit

from ..base import InputError
from ..context import MetricContext
from ..metrics import Metric

# Parts, at least, of which a standard error can be had.
MIN_GROUPS = 5


def draw_jackknife_groups(
    n: int, count: int, *, groups: Sequence[Any] | None = None, seed: int = 0
) -> list[np.ndarray]:
    """Part n samples at random: the row numbers of each part, sorted.

    Without groups the parts are of one size, n // count, and what is over belongs to none, so that all that is left
    when a part is taken away has one shape. Groups stay whole, each in the part that is smallest when its turn comes.

    Raises:
        ValueError: fewer than `MIN_GROUPS` parts, or more than there are samples or groups to fill them with.
    """
    generator = np.random.default_rng([seed, n, count])
    if count < MIN_GROUPS:
        raise InputError(f"jackknife_groups={count} are too few for a standard error: use 0 for none, or 20")
    if groups is None:
        if n // count < 1:
            raise InputError(f"{n} samples cannot be parted into {count}: use fewer for intervals")
        return [np.sort(part) for part in generator.permutation(n)[: n // count * count].reshape(count, -1)]
    names, labels = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    if len(names) < MIN_GROUPS:
        raise InputError(f"{len(names)} groups are too few for intervals, which leave whole groups out: use at least 5")
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
    """Evaluate metrics anew without each part of the samples: by name, [parts, ...].

    No sample is there twice, as in a bootstrap, where each would be its own copy's nearest neighbour.
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
    """Give the standard error of some values and the ends of their interval, by the delete-a-group jackknife.

    ``se^2 = (g - 1) / g sum (v_i - mean v)^2`` over the g values v_i without one part each, and the interval is the
    value and as many se to both sides as Student's t with g - 1 degrees of freedom asks. It is about the spread
    between sets of n samples of the same kind; the models stay as they are. What fewer neighbours do to a score moves
    all v_i alike, and does not count.

    Args:
        value: [...], of all samples.
        without: [g, ...].
        level: of the interval.

    Source: Kott (2001), J. Official Statistics 17, 521; Efron & Stein (1981), Ann. Stat. 9, 586.
    """
    count = len(without)
    error = np.sqrt((count - 1) / count * ((without - without.mean(0)) ** 2).sum(0))
    wide = stdtrit(count - 1, (1 + level) / 2) * error
    return error, value - wide, value + wide
