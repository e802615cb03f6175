"""Facts of the metrics."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hyle.engine import Metric


def select_metrics(patterns: Sequence[str]) -> list[Metric]:
    """Return the metrics whose names match one of the patterns, or all metrics without patterns.

    Raises:
        InputError: a pattern that matches no metric; names the closest.
    """
    from hyle.engine import find_metric, list_metrics

    metrics = list_metrics()
    for pattern in patterns:
        if not any(fnmatch(name, pattern) for name in metrics):
            find_metric(pattern)
    return [
        metric
        for name, metric in metrics.items()
        if not patterns or any(fnmatch(name, pattern) for pattern in patterns)
    ]


def metric_facts(metric: Metric) -> dict[str, Any]:
    """Return the facts of a metric as plain data; an infinite bound is None."""
    return {
        "name": metric.name,
        "long_name": metric.long_name,
        "kind": metric.kind,
        "meaning": metric.meaning,
        "symmetric": metric.symmetric,
        "bounds": [None if abs(bound) == float("inf") else bound for bound in metric.bounds],
        "higher_is_better": metric.higher_is_better,
        "chance": metric.chance,
        "needs": list(metric.needs),
        "citation": metric.citation,
    }
