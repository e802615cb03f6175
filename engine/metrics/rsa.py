"""Representational similarity analysis: correlation of the distances between samples."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from ..base import InputError, Threads, pair
from ..context import VALUES, MetricContext
from ..permutation import Permutations
from ._metric import Metric, Result
from .algorithms import (
    Distance,
    OrderedPairs,
    compiled_tau_a,
    on_device,
    ordered_pairs,
    pearson,
    permuted_taus,
    ranked,
    shifted_correlations,
    squared_distances,
    standardised,
    tau_a,
)

Correlation = Literal["spearman", "pearson", "kendall"]
CENTRING = {"euclidean": "none", "cosine": "none", "correlation": "rows"}
# Ranks need all distances of a model at once: at most 256 MiB in float32, and three times that during the sort.
RANKED_PAIRS = 2**26
# The most samples whose distances are ranked.
MOST_ROWS = int((1 + (1 + 8 * RANKED_PAIRS) ** 0.5) / 2)
# Number of ranks, of all models together, that a Comparison keeps in memory; beyond it they are recomputed.
HELD_RANKS = 2**28
# Up to this many distances per model, several models are ranked concurrently; ranking takes 40 bytes per distance.
TOGETHER = 2**23


def rsa(
    x: Any,
    y: Any,
    /,
    *,
    distance: Distance = "euclidean",
    correlation: Correlation = "spearman",
) -> jax.Array:
    """Compute the correlation between the distances of all pairs of samples in two representations.

    ``corr_{i < j}(d(x_i, x_j), d(y_i, y_j))``, of the ranks (Spearman), of the distances (Pearson), or the share of
    pairs of distances in the same order minus the share in opposite order (Kendall).

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch; 16-bit is computed in float32.
        y: [n, d2], row i being the same sample as row i of x; n >= 3.
        distance: ``euclidean``; ``cosine``, 1 - cos of uncentred rows; ``correlation``, 1 - Pearson correlation of two
            rows over their columns. A row without a direction is at distance 1 from all others.
        correlation: ``spearman``, exact, with mean ranks for tied distances, for n up to 11,585; ``pearson``; or
            ``kendall``, tau-a, exact, for n up to 11,585. Tied distances count as neither order: with ties, tau-a is
            below 1 for a representation with itself. Nili et al. (2014) recommend it for models that predict ties,
            which tau-b and Spearman's correlation favour. Without ties tau-a and tau-b are equal.

    Returns:
        Scalar in [-1, 1], 0 on average over permutations of the rows of y; NaN if all distances of a representation are
        equal, as in a constant one, or an input is not finite.

    Symmetric; invariant to isotropic scaling, to rotation and translation (``euclidean``), to rotation (``cosine``),
    and to a common permutation of rows. Distances of equal rows are tied, and so are equal Euclidean distances between
    rows of integers; other ties depend on rounding. Distances are computed by subtraction. On a CPU in float32 they are
    computed from one matrix product instead, if a sample of pairs shows that this changes their order by at most 1e-4
    of a standard deviation of the ranks. Only ``pearson`` has a non-zero derivative.
    Cost O(n^2 (d1 + d2)), for ``spearman`` and ``kendall`` also O(n^2 log n) and memory O(n^2), otherwise memory
    O(n (d1 + d2)).
    ``correlation`` distances with ``spearman`` are those of Kriegeskorte et al. and the default of the ReSi benchmark;
    ``kendall`` is ``tau-a`` in rsatoolbox, whose ``kendall`` is tau-b.
    Source: Kriegeskorte et al. (2008), Front. Syst. Neurosci. 2, 4; tau-a: Nili et al. (2014), PLoS Comput. Biol. 10,
    e1003553.

    Raises:
        ValueError: there are too many samples for ``spearman`` or ``kendall``, or an option is unknown.

    Warns:
        UserWarning: an input is constant or not finite; not inside `jax.jit`.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(50, 8))
        >>> round(float(rsa(x, 3 * x[:, ::-1])), 4)
        1.0
    """
    if distance not in get_args(Distance):
        raise InputError(f"unknown distance {distance!r}: use {', '.join(get_args(Distance))}")
    if correlation not in get_args(Correlation):
        raise InputError(f"unknown correlation {correlation!r}: use {', '.join(get_args(Correlation))}")
    a, b = pair(x, y, least=3, warn=True)
    if correlation == "pearson":
        value = pearson(a, b, distance)
    else:
        if len(a) > MOST_ROWS:
            raise InputError(
                f"the distances of {len(a)} samples are too many to rank: use at most {MOST_ROWS} samples, "
                "or rsa(..., correlation='pearson')"
            )
        far = [squared_distances(v, distance) for v in (a, b)]
        value = _cosine(*map(ranked, far)) if correlation == "spearman" else _tau(*far)
    return jnp.where(jnp.isfinite(a).all() & jnp.isfinite(b).all(), value, jnp.nan)


@jax.jit
def _cosine(a: jax.Array, b: jax.Array) -> jax.Array:
    return (a * b).sum(1).sum()  # row sums first, since one long sum in float32 loses digits


def _tau(first: Any, second: Any) -> jax.Array:
    if on_device(first) or on_device(second):
        return compiled_tau_a(first, second)
    first, second = np.asarray(first), np.asarray(second)
    if np.isnan(first).any() or np.isnan(second).any():
        return jnp.asarray(jnp.nan, first.dtype)
    return jnp.asarray(tau_a(ordered_pairs(first), ordered_pairs(second)), jnp.result_type(first, second))


def _model_side(x: jax.Array, distance: Distance, correlation: Correlation) -> Any:
    """Compute what is kept of a model: a vector whose inner products are correlations, or for tau its distances."""
    far = squared_distances(x, distance, by_subtraction=correlation == "pearson")
    if correlation == "kendall":
        return far if on_device(far) else ordered_pairs(np.asarray(far))
    return np.asarray(standardised(far, distance) if correlation == "pearson" else ranked(far)).ravel()


def _score(first: Any, second: Any) -> float:
    if isinstance(first, OrderedPairs):
        return tau_a(first, second)
    return float(np.dot(first, second) if isinstance(first, np.ndarray) else compiled_tau_a(first, second))


def _null_distribution(
    context: MetricContext, permutations: Permutations, distance: Distance, correlation: Correlation
) -> np.ndarray | None:
    """Compute the values without sorting distances again; None where that is not possible."""
    pairs = context.n * (context.n - 1) // 2
    if correlation == "kendall":
        if jax.default_backend() != "cpu":
            return None
        held = context.m * pairs * 3 <= HELD_RANKS
        return permuted_taus(
            context,
            permutations,
            partial(_model_side, distance=distance, correlation="kendall"),
            held=held,
            together=pairs <= TOGETHER,
        )
    if not permutations.cycles or 2 * context.m * pairs * min(2, len(permutations.cycles)) > HELD_RANKS:
        return None
    vector = partial(_model_side, distance=distance, correlation=correlation)
    arrays = context.own_columns if distance == "correlation" else context.arrays
    return shifted_correlations(context, arrays, permutations, vector)


def _evaluate(context: MetricContext, distance: Distance, correlation: Correlation) -> Result:
    m, pairs = context.m, context.n * (context.n - 1) // 2
    arrays = context.own_columns if distance == "correlation" else context.arrays
    value, report = np.empty((m, m)), context.stage_callback(VALUES)
    # The order and the ranks of distances are more than twice as much as the ranks alone.
    size = max(1, HELD_RANKS // (pairs * (3 if correlation == "kendall" else 1)))
    # Inner products take no time, counts of inversions most of it.
    done, total = 0, m + (m * (m + 1) // 2 if correlation == "kendall" else 0)
    with Threads(1 if pairs > TOGETHER else None) as pool:
        for start in range(0, m, size):
            batch = range(start, min(start + size, m))
            side_of = partial(_model_side, distance=distance, correlation=correlation)
            sides = {}
            for model, side in zip(batch, pool.map(side_of, arrays[start : batch.stop]), strict=True):
                sides[model] = side
                done += 1
                report(done, total)
            for b in range(start, m):
                other = sides[b] if b in sides else side_of(arrays[b])
                before = [a for a in sides if a <= b]
                scores = pool.map(partial(_score, second=other), [sides[a] for a in before])
                for a, score in zip(before, scores, strict=True):
                    value[a, b] = value[b, a] = score
                if correlation == "kendall":
                    done += len(before)
                    report(done, total)
    ties = {"spearman": "spearman, ties by mean rank", "pearson": "pearson", "kendall": "kendall, tau-a"}
    attributes = {"distance": distance, "correlation": ties[correlation], "centring": CENTRING[distance]}
    return Result(value, np.zeros_like(value), attributes)


def _facts(
    name: str, label: str, meaning: str, citation: str, distance: Distance, correlation: Correlation = "spearman"
) -> Metric:
    return Metric(
        name=name,
        long_name=f"RSA, {label}",
        kind="pair",
        evaluate=partial(_evaluate, distance=distance, correlation=correlation),
        null=partial(_null_distribution, distance=distance, correlation=correlation),
        needs=(),
        symmetric=True,
        bounds=(-1.0, 1.0),
        higher_is_better=True,
        chance="exactly 0 on average over permutations",
        meaning=meaning,
        citation=citation,
        most_rows=MOST_ROWS,
    )


_KRIEGESKORTE = "Kriegeskorte et al. 2008, doi:10.3389/neuro.06.004.2008"
METRICS = (
    _facts(
        "rsa",
        "Spearman of Euclidean distances",
        "Do the two models rank the distances between all pairs of samples in the same order?",
        _KRIEGESKORTE,
        "euclidean",
    ),
    _facts(
        "rsa_cosine",
        "Spearman of cosine distances",
        "As rsa, but with distances 1 - cos: do the two models rank the angles between samples in the same order?",
        _KRIEGESKORTE,
        "cosine",
    ),
    _facts(
        "rsa_correlation",
        "Spearman of correlation distances",
        "As rsa, but with distances 1 - r, the correlation of two samples over the columns: the original RSA.",
        _KRIEGESKORTE,
        "correlation",
    ),
    _facts(
        "rsa_pearson",
        "Pearson of Euclidean distances",
        "Are the distances between samples in one model a linear function of those in the other?",
        _KRIEGESKORTE,
        "euclidean",
        "pearson",
    ),
    _facts(
        "rsa_kendall",
        "Kendall tau-a of Euclidean distances",
        "How many more pairs of distances do the two models put in the same order than in opposite order?",
        "Nili et al. 2014, doi:10.1371/journal.pcbi.1003553",
        "euclidean",
        "kendall",
    ),
)
