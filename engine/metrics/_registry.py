"""Registry of the metrics in this folder, by name."""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
from collections.abc import Mapping

from ..base import InputError, InputTypeError
from ._metric import Metric


@functools.cache
def list_metrics() -> Mapping[str, Metric]:
    """Return all metrics by name, in the order of their files."""
    package = importlib.import_module(__package__)
    metrics: dict[str, Metric] = {}
    for module in pkgutil.iter_modules(package.__path__):
        if module.ispkg or module.name.startswith("_"):
            continue
        for metric in importlib.import_module(f"{package.__name__}.{module.name}").METRICS:
            if metric.name in metrics:
                raise InputError(f"two metrics are called {metric.name!r}: rename the one in {module.name}.py")
            metrics[metric.name] = metric
    return metrics


def find_metric(name: str | Metric) -> Metric:
    """Return the metric of this name; a `Metric` is returned as it is.

    Raises:
        ValueError: there is no such metric; the message names the closest match and lists all metrics.
        TypeError: neither a name nor a metric.
    """
    if isinstance(name, Metric):
        return name
    if not isinstance(name, str):
        raise InputTypeError(f"a metric is given by its name or as a hyle.engine.Metric; got {name!r}")
    metrics = list_metrics()
    if name not in metrics:
        close = difflib.get_close_matches(name.lower(), metrics, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise InputError(f"no metric is called {name!r}{hint} (there are: {', '.join(metrics)})")
    return metrics[name]
