"""The metrics of this folder, by name."""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
from collections.abc import Mapping

from ..base import InputError
from ._metric import Metric


@functools.cache
def list_metrics() -> Mapping[str, Metric]:
    """Return every metric by name, in the order of their files."""
    package = importlib.import_module(__package__)
    found: dict[str, Metric] = {}
    for module in pkgutil.iter_modules(package.__path__):
        if module.ispkg or module.name.startswith("_"):
            continue
        for metric in importlib.import_module(f"{package.__name__}.{module.name}").METRICS:
            if metric.name in found:
                raise InputError(
                    f"two metrics are called {metric.name!r}: give the one in {module.name}.py another name"
                )
            found[metric.name] = metric
    return found


def find_metric(name: str) -> Metric:
    """Return one metric.

    Raises:
        ValueError: no such metric; names the closest and lists them all.
    """
    known = list_metrics()
    if name not in known:
        close = difflib.get_close_matches(name.lower(), known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise InputError(f"no metric is called {name!r}{hint} (there are: {', '.join(known)})")
    return known[name]
