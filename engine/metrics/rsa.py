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
# Ranks need all distances of a model at once: 256 MiB of them in float32, and thrice that while they are sorted.
RANKED_PAIRS = 2**26
# Ranks that a Comparison holds, of all models together; beyond, they are computed more than once.
HELD_RANKS = 2**28
# Distances up to which several models' are ranked at once, each of which takes 40 bytes meanwhile.
TOGETHER = 2**23


def rsa(
    x: Any,
    y: Any,
    /,
    *,
    distance: Distance = "euclidean",
    correlation: Correlation = "spearman",
) -> jax.Array:
    """Correlation between the distances of all pairs of samples in two representations.

    ``corr_{i < j}(d(x_i, x_j), d(y_i, y_j))``, of the ranks (Spearman) or of the distances (Pearson).

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch; 16-bit is computed in float32.
        y: [n, d2], row i being the same sample as row i of x; n >= 3.
        distance: ``euclidean``; ``cosine``, 1 - cos of rows that are not centred; ``correlation``, 1 - Pearson
            correlation of two rows over their columns. A row without direction is at distance 1 from all others.
        correlation: ``spearman``, exact, tied distances getting their mean rank, for n up to 11,585; or ``pearson``.

    Returns:
        Scalar in [-1, 1], 0 on average over permutations of the rows of y; NaN where all distances of a representation
        are equal, as in a constant one, or an input is not finite.

    Symmetric; invariant to isotropic scale, to rotation and translation (``euclidean``), to rotation (``cosine``), and
    to a common permutation of rows. Distances of equal rows tie, and Euclidean ones between rows of integers wherever
    they are equal; other ties are left to rounding. They are measured by subtraction, on a CPU in float32 from one
    product where a sample of pairs shows that it keeps their order to 1e-4 of a standard deviation of the ranks.
    Only ``pearson`` has a derivative that is not 0.
    Cost O(n^2 (d1 + d2)), for ``spearman`` O(n^2 log n) and memory O(n^2) besides, else memory O(n (d1 + d2)).
    Source: Kriegeskorte et al. (2008), Front. Syst. Neurosci. 2, 4.

    Raises:
        ValueError: more samples than ranks can be had of.

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
    a, b = pair(x, y, least=3)
    if correlation == "spearman":
        _check_ranked(len(a))
        value = _cosine(*(_ranked(_squared_distances(v, distance)) for v in (a, b)))
    else:
        value = _pearson(a, b, distance)
    return jnp.where(jnp.isfinite(a).all() & jnp.isfinite(b).all(), value, jnp.nan)


def _check_ranked(n: int) -> None:
    if n * (n - 1) // 2 > RANKED_PAIRS:
        most = int((1 + (1 + 8 * RANKED_PAIRS) ** 0.5) / 2)
        raise InputError(
            f"the distances of {n} samples are too many to rank: use at most {most} samples, "
            "or rsa(..., correlation='pearson')"
        )


@partial(jax.jit, static_argnames=("distance",))
def _prepared(x: jax.Array, distance: Distance) -> tuple[jax.Array, jax.Array]:
    """Rows whose squared distances order like the distance, and which rows have no direction."""
    if distance == "euclidean":
        # By a power of two and not centred: integers stay exact, and equal distances equal.
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
    """Squared distances [n] of row i to row i + shift, modulo n."""

    def shifted(v: jax.Array) -> jax.Array:
        return jax.lax.dynamic_slice_in_dim(jnp.concatenate([v, v]), shift, len(v))

    far = ((x - shifted(x)) ** 2).sum(1)
    return far if distance == "euclidean" else jnp.where(empty | shifted(empty), 2, far)


def _shifts(n: int) -> jax.Array:
    """Shifts that meet every pair once; with n even the last one meets its pairs twice, see `_once`."""
    return jnp.arange(1, n // 2 + 1, dtype=jnp.int32)


def _once(shift: jax.Array, n: int) -> jax.Array:
    """Bool [..., n], False where the pair is met a second time."""
    return (2 * shift[..., None] < n) | (jnp.arange(n) < n // 2)


def _squared_distances(x: jax.Array, distance: Distance) -> Any:
    """[n // 2, n], entry (s - 1, i) between rows i and i + s; infinite where a pair comes a second time."""
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
    """Ranks of all distances as a vector of mean 0 and length 1, of the same shape; ties get their mean rank."""
    shape, dtype = far.shape, far.dtype
    pairs = shape[1] * (shape[1] - 1) // 2
    position = jnp.arange(far.size, dtype=jnp.int32)
    far, order = jax.lax.sort((far.reshape(-1), position), num_keys=1)
    new = jnp.concatenate([jnp.ones(1, bool), far[1:] != far[:-1]])
    first = jax.lax.cummax(jnp.where(new, position, 0))
    last = jax.lax.cummin(jnp.where(jnp.roll(new, -1), position, far.size), reverse=True)
    # Twice the rank is an integer; beyond 2^24 float32 does not hold them all.
    twice = jnp.where(position < pairs, first + last - (pairs - 1), 0)
    twice = jnp.zeros_like(twice).at[order].set(twice, unique_indices=True)
    return _unit_length(twice.reshape(shape).astype(dtype) / pairs)


def _unit_length(ranks: jax.Array) -> jax.Array:
    square = (ranks * ranks).sum(1).sum()
    return jnp.where(square > 0, ranks / jnp.sqrt(jnp.where(square > 0, square, 1)), jnp.nan)


@jax.jit
def _cosine(a: jax.Array, b: jax.Array) -> jax.Array:
    return (a * b).sum(1).sum()  # row sums first: one long sum of float32 loses digits


@partial(jax.jit, static_argnames=("distance",))
def _pearson(a: jax.Array, b: jax.Array, distance: Distance) -> jax.Array:
    """In one pass, the moments of each shift about their own means joined to those before (Chan et al. 1983)."""
    (x, no_x), (y, no_y) = (_prepared(v, distance) for v in (a, b))
    n = len(x)

    def apart(points: jax.Array, empty: jax.Array, shift: jax.Array) -> jax.Array:
        far = _to_shifted(points, empty, distance, shift)
        # Two where: the derivative of the root at 0 is infinite even where it is not chosen.
        return jnp.where(far > 0, jnp.sqrt(jnp.where(far > 0, far, 1)), 0) if distance == "euclidean" else far

    @jax.checkpoint
    def step(carry: tuple[jax.Array, jax.Array, jax.Array], shift: jax.Array) -> tuple[Any, None]:
        count, mean, moments = carry
        keep = _once(shift, n)
        far = jnp.stack([apart(x, no_x, shift), apart(y, no_y, shift)])
        more = keep.sum().astype(far.dtype)
        own = jnp.where(keep, far, 0).sum(1) / more
        flat = jnp.where(keep, far - own[:, None], 0)
        between = (own - mean)[jnp.array([0, 1, 0])] * (own - mean)[jnp.array([0, 1, 1])]
        within = (flat[jnp.array([0, 1, 0])] * flat[jnp.array([0, 1, 1])]).sum(1)
        new = count + more
        return (new, mean + (own - mean) * (more / new), moments + within + between * (count * more / new)), None

    dtype = jnp.result_type(x, y)
    start = (jnp.zeros((), dtype), jnp.zeros(2, dtype), jnp.zeros(3, dtype))
    (_, mean, moments), _ = jax.lax.scan(step, start, _shifts(n))
    # Distances that are all equal come out equal to rounding.
    noise = (4 * jnp.finfo(dtype).eps * mean) ** 2 * (n * (n - 1) // 2)
    good = (moments[:2] > noise).all()
    return jnp.where(good, moments[2] / jnp.sqrt(jnp.where(good, moments[:2], 1)).prod(), jnp.nan)


def _ranked(far: jax.Array) -> Any:
    if isinstance(far, jax.core.Tracer) or jax.default_backend() != "cpu":
        return _ranks(far)
    n = far.shape[1]
    return _host_ranks(np.asarray(far), n * (n - 1) // 2).reshape(far.shape)


def _host_ranks(far: np.ndarray, pairs: int) -> np.ndarray:
    """As `_ranks`; on the CPU NumPy sorts many times faster than XLA."""
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
    """Shift the ranks along a cycle, which they come in the diagonals of; None where there is none to shift along."""
    n = context.n
    if permutations.cycle is None or context.m * n * (n // 2) > HELD_RANKS:
        return None
    held = []
    for x in context.arrays:
        ranks = _model_ranks(x[permutations.cycle]).reshape(n // 2, n)
        if n % 2 == 0:  # where every pair comes twice
            ranks[-1, n // 2 :] = ranks[-1, : n // 2]
        held.append(np.pad(ranks, ((0, DIAGONALS), (0, 0))))

    def diagonals(model: int, start: int, size: int) -> jax.Array:
        return jnp.asarray(held[model][start - 1 : start - 1 + size])

    # The sum is over both halves of the matrix, and one alone is of length 1.
    found = shifted_products(diagonals, context.m, n, permutations, progress=context.stage_callback(NULL))
    return context.symmetrise(found / 2)


def _evaluate(context: MetricContext) -> Result:
    _check_ranked(context.n)
    pairs = context.n * (context.n - 1) // 2
    value, say = np.empty((context.m, context.m)), context.stage_callback(VALUES)
    size = max(1, HELD_RANKS // pairs)
    for start in range(0, context.m, size):
        some = range(start, min(start + size, context.m))
        with Threads(1 if pairs > TOGETHER else None) as pool:
            held = {}
            for model, ranks in zip(some, pool.map(_model_ranks, context.arrays[start : some.stop]), strict=True):
                held[model] = ranks
                say(model + 1, context.m)
        for b in range(start, context.m):
            other = held[b] if b in held else _model_ranks(context.arrays[b])
            for a, own in held.items():
                value[a, b] = value[b, a] = np.dot(own, other)
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
        chance="0, exactly, on average over permutations",
        meaning="Do the two models order all pairs of samples alike, from near to far?",
        citation="Kriegeskorte et al. 2008, doi:10.3389/neuro.06.004.2008",
    ),
)
