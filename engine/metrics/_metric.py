"""What a metric is, as data, and the registry of the files in ``metrics/``."""

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
    """What a metric gives for a panel of m models.

    Args:
        value: [m, m] for a pair metric, entry (a, b) for x = a and y = b; [m] for a single one.
        chance: [m, m], what representations that have nothing in common would get; None where there is no such level.
        attributes: what this number must carry beyond the facts of the metric: k, estimator, neighbour metric.
        extra: further variables over the models, by the suffix of their name, such as ``n_used``.
        self_score: what a representation gives with itself, where that is not the end of the metric's bounds.
    """

    value: Any
    chance: Any = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    self_score: float | None = None


@dataclass(frozen=True)
class Metric:
    """One entry of a Comparison; each file in ``metrics/`` lists its own as ``METRICS``.

    Args:
        name: of the variable in a Comparison and of the option on the command line.
        long_name: for axes and tables.
        kind: ``pair`` over (model, other) or ``single`` over (model).
        evaluate: computes it for a panel; what it needs of each model is computed once and shared.
        needs: what that is, of what the pass gathers: inner products of all pairs of kernels (``linear``, ``rbf``,
            ``distance``), k ``neighbours``, dimension_k Euclidean neighbours (``dimension``), or two (``two_nearest``),
            ``ranks`` of each model's nearest neighbours in the others. Empty for a metric that takes the rows alone.
        symmetric: whether swapping x and y leaves it unchanged.
        bounds: the ends of its scale, one of which is two that are as alike as can be. Estimates without bias, errors
            on samples held out and differences of estimates may lie beyond.
        higher_is_better: whether more means more alike; None where it means neither.
        chance: the chance level in words or closed form.
        meaning: one line for a reader who does not know it.
        citation: the source of the definition.
        null: gives the values [K, m, m] of all pairs under permutations of the samples, of each pair the second by name
            permuted, where there is a cheaper way than to evaluate anew; or None, where there is none this time.
        min_k: the smallest k of ``neighbours`` that says anything.
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
