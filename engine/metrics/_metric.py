"""Description of a metric as data, and the result of its evaluation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ..context import Need

if TYPE_CHECKING:
    import numpy as np

    from ..context import MetricContext
    from ..permutation import Permutations


@dataclass(frozen=True)
class Result:
    """Values of a metric for a `MetricContext` of m models.

    Args:
        value: [m, m] for a pair metric, entry (a, b) for x = a and y = b; [m] for a single-model metric.
        chance: [m, m], the values expected for unrelated representations; None if no such level is defined.
        attributes: attributes of the values beyond the facts of the metric: k, estimator, neighbour metric.
        extra: further variables over the models, by the suffix of their name, such as ``n_used``.
        self_score: value of a representation compared with itself, if that is not an end of the metric's bounds.
        without: values [g, ...] without each group of queries, where the value is estimated from queries; else None.
        paired: the part of the variance that is of single pairs of queries, which the jackknife counts twice; None for
            0.
    """

    value: Any
    chance: Any = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    self_score: float | None = None
    without: np.ndarray | None = None
    paired: Any = None


@dataclass(frozen=True)
class Metric:
    """One metric of a Comparison; each file in ``metrics/`` lists its metrics as ``METRICS``.

    Args:
        name: name of the variable in a Comparison and of the option on the command line.
        long_name: label for axes and tables.
        kind: ``pair`` over (model, other) or ``single`` over (model).
        evaluate: computes the metric for a `MetricContext`; intermediate results of each model are computed once and
            shared between metrics.
        needs: intermediate results that the pass over all pairs of samples has to collect: inner products of all pairs
            of kernels (``linear``, ``rbf``, ``distance``), k ``neighbours``, dimension_k Euclidean neighbours
            (``dimension``) or two (``two_nearest``), ``ranks`` of each model's nearest neighbours in the others. Empty
            for a metric that uses the rows only.
        symmetric: whether swapping x and y leaves the value unchanged.
        bounds: ends of the scale, one of which is the value of two representations that agree perfectly. Unbiased
            estimates, errors on held-out samples and differences of estimates may exceed them.
        higher_is_better: whether higher means more similar; None if neither direction does.
        chance: the chance level, in words or closed form.
        meaning: one line for a reader who does not know the metric.
        citation: source of the definition.
        null: computes the values [K, m, m] of all pairs under permutations of the samples, permuting the model of each
            pair that `MetricContext.in_order` says, if that is cheaper than evaluating the metric for each permutation.
            Returns None if it is not for this context.
        min_k: smallest k of ``neighbours`` for which the metric is meaningful.
        exact: whether values are computed from integers, so that two of them are equal or differ by more than rounding
            errors of float64.
        most_rows: largest number of samples; None for any.
        queries: what ``evaluate`` does if the context has `Queries`, the rows that are drawn of many: ``sampled``
            estimates the value from the queries and all of their neighbours; ``exact`` is computed from all rows at a
            cost in proportion to n; ``refused`` needs all pairs of rows.
    """

    name: str
    long_name: str
    kind: Literal["pair", "single"]
    evaluate: Callable[[MetricContext], Result]
    needs: tuple[Need, ...]
    symmetric: bool
    bounds: tuple[float, float]
    higher_is_better: bool | None
    chance: str
    meaning: str
    citation: str
    null: Callable[[MetricContext, Permutations], np.ndarray | None] | None = None
    min_k: int = 1
    exact: bool = False
    most_rows: int | None = None
    queries: Literal["refused", "sampled", "exact"] = "refused"
