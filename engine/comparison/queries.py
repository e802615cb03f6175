"""Comparisons of rows drawn as queries: what they refuse, and the intervals of this sampling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..base import InputError
from ..context import CompareConfig, Queries
from ..metrics import Metric, Result, list_metrics
from .inference import Inference
from .schema import interval_variables


def check_queries(metrics: Sequence[Metric], config: CompareConfig, inference: Inference) -> Inference:
    """Check what a comparison with queries cannot compute.

    Args:
        metrics: that are asked for.
        config: how they are computed.
        inference: which p-values and intervals are asked for.

    Returns:
        The inference, with ``permutations="auto"`` as none if there are queries.

    Raises:
        ValueError: a metric that needs all pairs of samples, permutations, jackknife groups, groups or strata.
    """
    if config.queries is None:
        return inference
    refused = [metric.name for metric in metrics if metric.queries == "refused"]
    if refused:
        known = [name for name, metric in list_metrics().items() if metric.queries != "refused"]
        raise InputError(
            f"with queries={config.queries}, {', '.join(refused)} cannot be computed: each of these needs all pairs of "
            f"samples. Leave them out, or queries; possible with queries are: {', '.join(known)}"
        )
    asked = {
        "groups": inference.groups is not None,
        "strata": inference.strata is not None,
        "jackknife_groups": inference.jackknife_groups > 0,
    }
    if any(asked.values()):
        names = " and ".join(name for name, given in asked.items() if given)
        raise InputError(
            f"queries={config.queries} and {names} cannot be combined: intervals are then of the sampling of queries, "
            "not of other samples of the same kind. Use one or the other"
        )
    if inference.permutations not in (0, "auto"):
        raise InputError(
            f"queries={config.queries} and permutations={inference.permutations} cannot be combined: a permuted sample "
            "has the neighbours of another one, which were not searched. Use permutations=0; whether the interval of a "
            "score contains its chance level answers the same question"
        )
    return replace(inference, permutations=0)


def query_variables(metric: Metric, result: Result, queries: Queries | None) -> dict[str, Any]:
    """Return standard errors and the ends of 95 % intervals of a metric that is estimated from queries, else nothing.

    They describe the error as an estimate of the score of all n samples, which is 0 if all are queries. The variance is
    that of the delete-a-group jackknife over the queries times 1 - q / n. What is of single pairs of queries
    (`Result.paired`) counts twice in the jackknife (Efron & Stein 1981), and is reduced to (1 - q / n)^2.
    """
    if queries is None or result.without is None:
        return {}
    q, value = len(queries.rows), np.asarray(result.value, np.float64)
    found = interval_variables(metric, value, result.without, sizes=queries.sizes, n=q)
    error, *ends = (values for _, values, _ in found.values())
    left, paired = 1 - q / queries.n, np.asarray(0.0 if result.paired is None else result.paired)
    scaled = [0 * value, value, value]
    if left:
        variance = left * np.maximum(error**2 - 2 * paired, 0) + left**2 * paired
        ratio = np.divide(np.sqrt(variance), error, out=np.zeros_like(error), where=error != 0)
        scaled = [ratio * error, *(value + ratio * (end - value) for end in ends)]
    facts = {"interval": "of sampled queries", "queries": q, "n": queries.n}
    return {
        name: (dims, values, attributes | facts)
        for (name, (dims, _, attributes)), values in zip(found.items(), scaled, strict=True)
    }
