"""Facts of the metrics, from a file, so that they are listed without starting JAX."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hyle.engine import Metric

# Written by `write_metrics`; a test compares it with the engine.
PATH = Path(__file__).with_name("metrics.json")


def select_metrics(patterns: Sequence[str]) -> list[dict[str, Any]]:
    """Return the facts of the metrics whose names match one of the patterns, or of all metrics without patterns.

    Raises:
        InputError: a pattern that matches no metric; names the closest.
    """
    metrics = json.loads(PATH.read_text("utf-8"))
    for pattern in patterns:
        if not any(fnmatch(metric["name"], pattern) for metric in metrics):
            from hyle.engine import find_metric

            find_metric(pattern)
    return [
        metric for metric in metrics if not patterns or any(fnmatch(metric["name"], pattern) for pattern in patterns)
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


def metrics_text() -> str:
    """Return the content of the file: the facts of all metrics of the engine."""
    from hyle.engine import list_metrics

    return json.dumps([metric_facts(metric) for metric in list_metrics().values()], indent=1, ensure_ascii=False) + "\n"


def write_metrics() -> None:
    """Write the file, after a metric was added or changed."""
    PATH.write_text(metrics_text(), "utf-8")
