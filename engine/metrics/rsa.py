"""Representational similarity analysis: correlation of the distances between samples."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from ..base import InputError, Threads, centred, ldexp, pack_sort_keys, pair, unit, unpack_sort_keys, use_numpy
from ..context import NULL, VALUES, MetricContext
from ..permutation import DIAGONALS, Permutations, shifted_products
from ._metric import Metric, Result
from .algorithms import squared_distances_numpy

Distance = Literal["euclidean", "cosine", "correlation"]
Correlation = Literal["spearman", "pearson"]
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

    ``corr_{i < j}(d(x_i, x_j), d(y_i, y_j))``, of the ranks (Spearman) or of the distances (Pearson).

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch; 16-bit is computed in float32.
        y: [n, d2], row i being the same sample as row i of x; n >= 3.
        distance: ``euclidean``; ``cosine``, 1 - cos of uncentred rows; ``correlation``, 1 - Pearson correlation of two
            rows over their columns. A row without a direction is at distance 1 from all others.
        correlation: ``spearman``, exact, with mean ranks for tied distances, for n up to 11,585; or ``pearson``.

    Returns:
        Scalar in [-1, 1], 0 on average over permutations of the rows of y; NaN if all distances of a representation are
        equal, as in a constant one, or an input is not finite.

    Symmetric; invariant to isotropic scaling, to rotation and translation (``euclidean``), to rotation (``cosine``),
    and to a common permutation of rows. Distances of equal rows are tied, and so are equal Euclidean distances between
    rows of integers; other ties depend on rounding. Distances are computed by subtraction. On a CPU in float32 they are
    computed from one matrix product instead, if a sample of pairs shows that this changes their order by at most 1e-4
    of a standard deviation of the ranks. Only ``pearson`` has a non-zero derivative.
    Cost O(n^2 (d1 + d2)), for ``spearman`` also O(n^2 log n) and memory O(n^2), otherwise memory O(n (d1 + d2)).
    Source: Kriegeskorte et al. (2008), Front. Syst. Neurosci. 2, 4.

    Raises:
        ValueError: there are too many samples for ``spearman``, or an option is unknown.

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
        raise InputError(f"unknown correlation {correlation!r}: use {' or '.join(get_args(Correlation))}")
    a, b = pair(x, y, least=3, warn=True)
    if correlation == "spearman":
        if len(a) > MOST_ROWS:
            raise InputError(
                f"the distances of {len(a)} samples are too many to rank: use at most {MOST_ROWS} samples, "
                "or rsa(..., correlation='pearson')"
            )
        value = _cosine(*(_ranked(_squared_distances(v, distance)) for v in (a, b)))
    else:
        value = _pearson(a, b, distance)
    return jnp.where(jnp.isfinite(a).all() & jnp.isfinite(b).all(), value, jnp.nan)


@partial(jax.jit, static_argnames=("distance",))
def _prepared(x: jax.Array, distance: Distance) -> tuple[jax.Array, jax.Array]:
    """Return rows whose squared distances have the order of the distance, and a mask of rows without a direction."""
    if distance == "euclidean":
        # Scaled by a power of two and not centred: integers stay exact, and equal distances stay equal.
        _, exponent = centred(x)
        return ldexp(x, -exponent), jnp.zeros(len(x), bool)
    if distance == "correlation":
        largest = jnp.abs(x).max(1, keepdims=True)
        x = x - x.mean(1, keepdims=True)
        x = x - x.mean(1, keepdims=True)
        flat = jnp.abs(x).max(1, keepdims=True) <= 2 * jnp.finfo(x.dtype).eps * largest
        x = jnp.where(flat, 0, x)
    return unit(x), (x == 0).all(1)


def _to_shifted(x: jax.Array, empty: jax.Array, distance: Distance, shift: jax.Array) -> jax.Array:
    """Compute the squared distances [n] of row i to row i + shift, modulo n."""

    def shifted(v: jax.Array) -> jax.Array:
        return jax.lax.dynamic_slice_in_dim(jnp.concatenate([v, v]), shift, len(v))

    far = ((x - shifted(x)) ** 2).sum(1)
    return far if distance == "euclidean" else jnp.where(empty | shifted(empty), 2, far)


def _shifts(n: int) -> jax.Array:
    """Return the shifts that cover every pair once; for even n the last one covers its pairs twice, see `_once`."""
    return jnp.arange(1, n // 2 + 1, dtype=jnp.int32)


def _once(shift: jax.Array, n: int) -> jax.Array:
    """Return bool [..., n], False for the second occurrence of a pair."""
    return (2 * shift[..., None] < n) | (jnp.arange(n) < n // 2)


def _squared_distances(x: jax.Array, distance: Distance) -> Any:
    """Compute [n // 2, n], entry (s - 1, i) between rows i and i + s; infinite for the second occurrence of a pair."""
    points, empty = _prepared(jax.lax.stop_gradient(x), distance)
    if use_numpy(points) and not empty.any():
        far = squared_distances_numpy(np.asarray(points))
        if far is not None:
            if len(x) % 2 == 0:
                far[-1, len(x) // 2 :] = np.inf
            return far
    return _subtracted(points, empty, distance)


@partial(jax.jit, static_argnames=("distance",))
def _subtracted(points: jax.Array, empty: jax.Array, distance: Distance) -> jax.Array:
    n = len(points)
    far = jax.lax.map(lambda shift: _to_shifted(points, empty, distance, shift), _shifts(n))
    return jnp.where(_once(_shifts(n), n), far, jnp.inf)


@jax.jit
def _ranks(far: jax.Array) -> jax.Array:
    """Compute the ranks of all distances, scaled to mean 0 and norm 1, in the same shape; ties get their mean rank."""
    shape, dtype = far.shape, far.dtype
    pairs = shape[1] * (shape[1] - 1) // 2
    position = jnp.arange(far.size, dtype=jnp.int32)
    far, order = jax.lax.sort((far.reshape(-1), position), num_keys=1)
    new = jnp.concatenate([jnp.ones(1, bool), far[1:] != far[:-1]])
    first = jax.lax.cummax(jnp.where(new, position, 0))
    last = jax.lax.cummin(jnp.where(jnp.roll(new, -1), position, far.size), reverse=True)
    # Twice the rank is an integer; beyond 2^24, float32 does not represent all integers.
    twice = jnp.where(position < pairs, first + last - (pairs - 1), 0)
    twice = jnp.zeros_like(twice).at[order].set(twice, unique_indices=True)
    return _unit_length(twice.reshape(shape).astype(dtype) / pairs)


def _unit_length(ranks: jax.Array) -> jax.Array:
    square = (ranks * ranks).sum(1).sum()
    return jnp.where(square > 0, ranks / jnp.sqrt(jnp.where(square > 0, square, 1)), jnp.nan)


@jax.jit
def _cosine(a: jax.Array, b: jax.Array) -> jax.Array:
    return (a * b).sum(1).sum()  # row sums first, since one long sum in float32 loses digits


@partial(jax.jit, static_argnames=("distance",))
def _pearson(a: jax.Array, b: jax.Array, distance: Distance) -> jax.Array:
    """Compute the Pearson correlation in one pass, merging the central moments of each shift (Chan et al. 1983)."""
    (x, no_x), (y, no_y) = (_prepared(v, distance) for v in (a, b))
    n = len(x)

    def distances(points: jax.Array, empty: jax.Array, shift: jax.Array) -> jax.Array:
        far = _to_shifted(points, empty, distance, shift)
        # The inner `where` keeps the infinite derivative of the root at 0 out of the gradient.
        return jnp.where(far > 0, jnp.sqrt(jnp.where(far > 0, far, 1)), 0) if distance == "euclidean" else far

    @jax.checkpoint
    def step(carry: tuple[jax.Array, jax.Array, jax.Array], shift: jax.Array) -> tuple[Any, None]:
        count, mean, moments = carry
        keep = _once(shift, n)
        far = jnp.stack([distances(x, no_x, shift), distances(y, no_y, shift)])
        added = keep.sum().astype(far.dtype)
        batch_mean = jnp.where(keep, far, 0).sum(1) / added
        centred_far = jnp.where(keep, far - batch_mean[:, None], 0)
        change = batch_mean - mean
        between = change[jnp.array([0, 1, 0])] * change[jnp.array([0, 1, 1])]
        within = (centred_far[jnp.array([0, 1, 0])] * centred_far[jnp.array([0, 1, 1])]).sum(1)
        new = count + added
        return (new, mean + change * (added / new), moments + within + between * (count * added / new)), None

    dtype = jnp.result_type(x, y)
    start = (jnp.zeros((), dtype), jnp.zeros(2, dtype), jnp.zeros(3, dtype))
    (_, mean, moments), _ = jax.lax.scan(step, start, _shifts(n))
    # Distances that are all equal differ only by rounding.
    noise = (4 * jnp.finfo(dtype).eps * mean) ** 2 * (n * (n - 1) // 2)
    good = (moments[:2] > noise).all()
    return jnp.where(good, moments[2] / jnp.sqrt(jnp.where(good, moments[:2], 1)).prod(), jnp.nan)


def _ranked(far: jax.Array) -> Any:
    if isinstance(far, jax.core.Tracer) or jax.default_backend() != "cpu":
        return _ranks(far)
    n = far.shape[1]
    return _host_ranks(np.asarray(far), n * (n - 1) // 2).reshape(far.shape)


def _host_ranks(far: np.ndarray, pairs: int) -> np.ndarray:
    """Compute `_ranks` with NumPy, which sorts many times faster than XLA on a CPU."""
    flat = far.reshape(-1)
    if flat.dtype == np.float32:
        values, order = unpack_sort_keys(np.sort(pack_sort_keys(flat, np.arange(flat.size)))[:pairs])
    else:
        order = np.argsort(flat)[:pairs]
        values = flat[order]
    first = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    end = np.append(first[1:], pairs)
    twice = np.zeros(far.size, far.dtype)
    twice[order] = np.repeat((first + end - pairs) / pairs, end - first)
    length = np.linalg.norm(twice.astype(np.float64))
    return (twice / length if length > 0 else np.full_like(twice, np.nan)).astype(far.dtype)


def _model_ranks(x: jax.Array) -> np.ndarray:
    return np.asarray(_ranked(_squared_distances(x, "euclidean"))).ravel()


def _null_distribution(context: MetricContext, permutations: Permutations) -> np.ndarray | None:
    """Compute the values from ranks shifted along cycles; None without cycles or for too many ranks."""
    n, cycles = context.n, permutations.cycles
    if not cycles or context.m * n * (n // 2) * min(2, len(cycles)) > HELD_RANKS:
        return None

    def arranged(arrangement: np.ndarray) -> list[np.ndarray]:
        model_ranks = []
        for x in context.arrays:
            ranks = _model_ranks(x[arrangement]).reshape(n // 2, n)
            if n % 2 == 0:  # every pair of this shift occurs twice
                ranks[-1, n // 2 :] = ranks[-1, : n // 2]
            model_ranks.append(np.pad(ranks, ((0, DIAGONALS), (0, 0))))
        return model_ranks

    report, first, products = context.stage_callback(NULL), arranged(cycles[0].first), []
    for done, cycle in enumerate(cycles):
        sides = {id(cycle.first): first}
        if cycle.second is not cycle.first:
            sides[id(cycle.second)] = arranged(cycle.second)

        def diagonals(model: int, arrangement: np.ndarray, start: int, size: int, sides: Any = sides) -> jax.Array:
            return jnp.asarray(sides[id(arrangement)][model][start - 1 : start - 1 + size])

        def progress(part: int, total: int, done: int = done) -> None:
            report(done * total + part, len(cycles) * total)

        along = Permutations(cycle.orders, (cycle,))
        products.append(shifted_products([diagonals], context.m, n, along, progress=progress))

    # The sum is over both triangles of the matrix, whereas one triangle has norm 1.
    return context.symmetrise(np.concatenate(products) / 2)


def _evaluate(context: MetricContext) -> Result:
    pairs = context.n * (context.n - 1) // 2
    value, report = np.empty((context.m, context.m)), context.stage_callback(VALUES)
    size = max(1, HELD_RANKS // pairs)
    for start in range(0, context.m, size):
        batch = range(start, min(start + size, context.m))
        with Threads(1 if pairs > TOGETHER else None) as pool:
            batch_ranks = {}
            for model, ranks in zip(batch, pool.map(_model_ranks, context.arrays[start : batch.stop]), strict=True):
                batch_ranks[model] = ranks
                report(model + 1, context.m)
        for b in range(start, context.m):
            other = batch_ranks[b] if b in batch_ranks else _model_ranks(context.arrays[b])
            for a, ranks in batch_ranks.items():
                value[a, b] = value[b, a] = np.dot(ranks, other)
    attributes = {"distance": "euclidean", "correlation": "spearman, ties by mean rank", "centring": "none"}
    return Result(value, np.zeros_like(value), attributes)


METRICS = (
    Metric(
        name="rsa",
        long_name="RSA, Spearman of Euclidean distances",
        kind="pair",
        evaluate=_evaluate,
        null=_null_distribution,
        needs=(),
        symmetric=True,
        bounds=(-1.0, 1.0),
        higher_is_better=True,
        chance="exactly 0 on average over permutations",
        meaning="Do the two models rank the distances between all pairs of samples in the same order?",
        citation="Kriegeskorte et al. 2008, doi:10.3389/neuro.06.004.2008",
        most_rows=MOST_ROWS,
    ),
)
