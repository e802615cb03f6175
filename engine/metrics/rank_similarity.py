"""Rank similarity: the overlap of nearest neighbours, weighted by their ranks."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..base import block_size, blocks, centred, check_k, namespace, on_host, pair
from ..context import MetricContext, Progress, null_pairs, permuted_table
from ..gram import Prepared, prepare
from ..neighbours import (
    Lookup,
    NeighbourMetric,
    Neighbours,
    all_pairs,
    check_metric,
    exact_distances,
    lookup,
    position,
    relabelled,
    sets,
    share,
    stack,
)
from ..permutation import Permutations, Shared, shifted_pairs
from ._metric import Metric, Result
from ._neighbour_metric import nan_unless

# Entries of the rows whose distances to their neighbours are computed at once in NumPy.
CHUNK = 2**21
# A model in which more than this share of the rows have ties is ranked anew for every permutation, as the models of
# the other neighbour metrics are searched anew.
TIED_SHARE = 0.005


def rank_similarity(
    x: Any, y: Any, /, *, k: int = 10, neighbour_metric: NeighbourMetric = "cosine", centre: bool = False
) -> jax.Array:
    """Compute the mean similarity of the ranks that common nearest neighbours have in two representations.

    For a row with the common neighbours J among the k nearest of each representation,

    ``sum_{j in J} 2 / ((1 + |r_j - s_j|) (r_j + s_j)) / sum_{i = 1..|J|} 1 / i``,

    where r_j and s_j are the ranks of neighbour j in x and in y, 1 for the nearest; 0 if J is empty. Near neighbours
    count more than far ones, and equal ranks more than different ones. The divisor is the largest value that |J| common
    neighbours can have: a row whose only common neighbour is the nearest in both has similarity 1, however large k is.
    So this measures the order of common neighbours more than their number, for which see `jaccard_knn`.

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch.
        y: [n, d2], row i being the same sample as row i of x.
        k: number of neighbours, 1 <= k <= n - 1. A row is not its own neighbour; ties are ranked by the lowest index.
        neighbour_metric: ``cosine``, ``euclidean`` or ``inner_product``.
        centre: subtract the column means first.

    Returns:
        Scalar in [0, 1], 1 for x with itself. For independent x and y it is on average ``W / k^2 E[h / H_h]``, where W
        is the sum of the weights 2 / ((1 + |r - s|) (r + s)) over all r and s from 1 to k, h the hypergeometric number
        of common neighbours, and H_h = 1 + 1/2 + ... + 1/h. NaN if an input is not finite or constant.

    Symmetric; invariant to rotation, isotropic scaling and a common permutation of rows. ``euclidean`` is also
    invariant to translation, and so is every neighbour metric with ``centre``. Cost and memory as for `mutual_knn`, and
    O(n k (d1 + d2)) to rank the neighbours.
    Source: Wang et al. (2022), Towards understanding the instability of network embedding, IEEE TKDE 34, 927; in this
    form Klabunde et al. (2025), arXiv 2305.06329.

    Raises:
        ValueError: x and y have different numbers of rows, k is out of range, or the neighbour metric is unknown.
        TypeError: an input is complex.

    Warns:
        UserWarning: an input is constant or not finite; not inside `jax.jit`.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(50, 8))
        >>> round(float(rank_similarity(x, 2 * x, k=5)), 6)
        1.0
    """
    check_metric(neighbour_metric)
    a, b = pair(x, y, least=2, warn=True)
    check_k(k, len(a))
    rows = on_host(a, b)
    xp = namespace(*rows)
    finite = xp.isfinite(rows[0]).all() & xp.isfinite(rows[1]).all()
    tables, defined = [], finite
    with np.errstate(all="ignore"):  # rows that are not finite
        for each in rows:
            points = centred(each)[0] if centre else each
            table = sets(points, k, neighbour_metric)
            defined = defined & ~namespace(table.value).isnan(table.value).any()
            tables.append(_ranked(prepare(points), table, neighbour_metric)[0])
        total = _sums(stack(tables))[0, 1]
    return nan_unless(defined, share(total, len(a), a.dtype))


def _ranked(prepared: Prepared, table: Neighbours, metric: NeighbourMetric, rows: Any = None) -> tuple[Lookup, Any]:
    """Rank the neighbours of each row, which a table of similarities has in an order that may be wrong by rounding.

    Args:
        prepared: of n rows.
        table: [q, k].
        metric: of the table.
        rows: int32 [q], the rows that the table is of; default all.

    Returns:
        The neighbours, ascending in each row, with their ranks from 1 as values; and bool [q], whether two neighbours
        of the row are equally near, or the k-th and the next one.
    """
    if isinstance(prepared.rows, np.ndarray):
        rows = np.arange(len(table.indices)) if rows is None else rows
        index = np.asarray(table.indices)
        far = _distances_numpy(prepared.rows, rows, index, metric)
        order = np.lexsort((index, far))
        index, far = (np.take_along_axis(part, order, 1) for part in (index, far))
        tied = (far[:, 1:] == far[:, :-1]).any(1) | np.asarray(table.tied)
        ranks = np.broadcast_to(np.arange(1.0, index.shape[1] + 1), index.shape)
        return lookup(Neighbours(index, ranks, tied)), tied
    rows = jnp.arange(len(table.indices), dtype=jnp.int32) if rows is None else rows
    return _compiled_ranked(prepared, Neighbours(*map(jnp.asarray, table)), rows, metric)


@partial(jax.jit, static_argnames="metric")
def _compiled_ranked(
    prepared: Prepared, table: Neighbours, rows: jax.Array, metric: NeighbourMetric
) -> tuple[Lookup, jax.Array]:
    q, k = table.indices.shape

    def block(places: jax.Array) -> tuple[jax.Array, ...]:
        places = jnp.minimum(places, q - 1)
        index = table.indices[places]
        far = exact_distances(prepared, rows[places], index, metric)
        far, index = jax.lax.sort((far, index), num_keys=2)
        return index, (far[:, 1:] == far[:, :-1]).any(1)

    found = jax.lax.map(block, blocks(q, block_size(q, k * prepared.rows.shape[1])))
    index, tied = (part.reshape(-1, *part.shape[2:])[:q] for part in found)
    ranks = jnp.broadcast_to(jnp.arange(1, k + 1, dtype=prepared.rows.dtype), index.shape)
    tied = tied | table.tied
    return lookup(Neighbours(index, ranks, tied)), tied


def _distances_numpy(x: np.ndarray, rows: np.ndarray, index: np.ndarray, metric: NeighbourMetric) -> np.ndarray:
    """Compute the distances of rows to their neighbours by subtraction, float64 [q, k]; smaller is nearer."""
    far = np.empty(index.shape)
    inverse = np.empty(0)
    if metric == "cosine":
        length = np.sqrt(np.einsum("ij,ij->i", x, x, dtype=np.float64))
        inverse = np.divide(1, length, out=np.zeros_like(length), where=length >= np.finfo(x.dtype).tiny)
    size = max(1, CHUNK // (index.shape[1] * x.shape[1]))
    for start in range(0, len(index), size):
        chunk = slice(start, start + size)
        others, own = x[index[chunk]].astype(np.float64), x[rows[chunk]].astype(np.float64)[:, None]
        if metric == "inner_product":
            far[chunk] = -(others * own).sum(2)
            continue
        if metric == "cosine":
            others *= inverse[index[chunk]][:, :, None]
            own *= inverse[rows[chunk]][:, None, None]
        others -= own
        far[chunk] = np.square(others, out=others).sum(2)
        if metric == "cosine":  # the cosine of a row of zeros counts as 0
            far[chunk][(inverse[rows[chunk]] == 0)[:, None] | (inverse[index[chunk]] == 0)] = 2
    return far


def _weight(first: Any, second: Any) -> Any:
    return 2 / ((1 + abs(first - second)) * (first + second))


def _harmonic(k: int) -> np.ndarray:
    """Return 1 + 1/2 + ... + 1/h for h from 0 to k; 1 for h = 0, by which a sum of nothing is divided."""
    sums = np.concatenate([[0], np.cumsum(1 / np.arange(1, k + 1))])
    sums[0] = 1
    return sums


def _sum(a: tuple[Any, Any], b: tuple[Any, Any]) -> Any:
    """Sum the similarities of all rows; of each model the neighbours int32 [k, n], as `position` takes, and ranks."""
    place = position(a[0], b[0])
    xp = namespace(place)
    found = place >= 0
    weight = _weight(a[1], xp.take_along_axis(b[1], xp.maximum(place, 0), 0))
    divisor = xp.asarray(_harmonic(len(place)), weight.dtype)[found.sum(0)]
    return (xp.where(found, weight, 0).sum(0) / divisor).sum()


def _columns(tables: Lookup, order: Any = None) -> tuple[Any, Any]:
    columns = tables.indices.swapaxes(1, 2), tables.value.swapaxes(1, 2)
    return columns if order is None else tuple(relabelled(order, *columns))  # type: ignore[return-value]


def _both(a: tuple[Any, Any], b: tuple[Any, Any]) -> tuple[Any, Any]:
    total = _sum(a, b)
    return total, total


def _sums(tables: Lookup) -> Any:
    """Sum the similarities of the rows of each pair of tables [m, n, k], [m, m]."""
    return all_pairs(_both, _columns(tables)) if isinstance(tables.indices, np.ndarray) else _compiled_sums(tables)


@jax.jit
def _compiled_sums(tables: Lookup) -> jax.Array:
    return all_pairs(_both, _columns(tables))


@jax.jit
def _permuted_sums(tables: Lookup, orders: jax.Array) -> jax.Array:
    first = _columns(tables)
    return jax.lax.map(lambda order: all_pairs(_both, first, _columns(tables, order)), orders)


def rank_chance(k: int, candidates: int) -> float:
    """Compute the mean similarity over all permutations of the samples.

    Given that h of the k neighbours are common to both, their pairs of ranks are any h of the k^2 pairs in which no
    rank is repeated, with equal probability: each pair of ranks is one of them with probability h / k^2.

    Args:
        k: number of neighbours.
        candidates: number of rows that can be neighbours, k <= candidates.
    """
    from scipy.special import gammaln  # imported here because it takes a fifth of a second

    def log_choose(total: int, taken: np.ndarray) -> np.ndarray:
        return gammaln(total + 1) - gammaln(taken + 1) - gammaln(total - taken + 1)

    common = np.arange(max(0, 2 * k - candidates), k + 1)
    log = log_choose(k, common) + log_choose(candidates - k, k - common) - log_choose(candidates, np.array(k))
    rank = np.arange(1.0, k + 1)
    weight = _weight(rank[:, None], rank).sum() / k**2
    return float(weight * (np.exp(log) * common / _harmonic(k)[common]).sum())


def _ranked_on_host(
    prepared: Prepared, table: Neighbours, metric: NeighbourMetric, rows: Any = None
) -> tuple[Lookup, np.ndarray]:
    """Return what `_ranked` does as NumPy arrays, so that weights are in float64."""
    ranked, tied = _ranked(prepared, table, metric, rows)
    return Lookup(np.asarray(ranked.indices), np.asarray(ranked.value, np.float64)), np.asarray(tied)


def _models(context: MetricContext) -> tuple[Lookup, np.ndarray, np.ndarray]:
    """Return the ranked tables [m, q, k], bool [m, q], rows with ties, and bool [m], models without neighbours."""
    k, metric = context.config.k, context.config.neighbour_metric
    rows = None if context.queries is None else context.queries.rows

    def compute() -> tuple[Lookup, np.ndarray, np.ndarray]:
        tables = context.tables(k, metric)
        pairs = zip(context.prepared(), tables, strict=True)
        ranked, tied = zip(*(_ranked_on_host(prepared, table, metric, rows) for prepared, table in pairs), strict=True)
        undefined = np.array([bool(np.isnan(np.asarray(table.value)).any()) for table in tables])
        return stack(ranked), np.stack(tied), undefined

    return context.cached(("rank similarity", k, metric, context.outside is None), compute)


def _null_distribution(context: MetricContext, permutations: Permutations) -> np.ndarray:
    tables, tied, undefined = _models(context)
    count, n, k = len(permutations), context.n, context.config.k
    harmonic = _harmonic(k)

    def shifted(tables: Lookup, progress: Progress) -> np.ndarray:
        indices, ranks = (np.asarray(part) for part in _columns(tables))

        def score(a: int, b: int, shared: Shared) -> tuple[np.ndarray, np.ndarray]:
            row = shared.number.astype(np.int64) * n + shared.source
            weight = _weight(ranks[a].ravel()[shared.first], ranks[b].ravel()[shared.second])
            total, common = np.bincount(row, weight, count * n), np.bincount(row, minlength=count * n)
            value = (total / harmonic[common]).reshape(count, n).mean(1)
            return value, value

        return shifted_pairs(indices, permutations, score, progress)

    def score(tables: Lookup, orders: Any) -> np.ndarray:
        return np.asarray(_permuted_sums(tables, orders), np.float64) / n

    values = null_pairs(context, score, tables, permutations, shifted)
    for model in np.flatnonzero(tied.mean(1) > TIED_SHARE):
        _rank_anew(context, int(model), tables, permutations, values)
    return np.where(undefined[:, None] | undefined, np.nan, values)


def _rank_anew(
    context: MetricContext, model: int, tables: Lookup, permutations: Permutations, values: np.ndarray
) -> None:
    """Replace the values of the pairs in which this model is permuted by those with its ties broken anew.

    See `search_tied_tables`; here ties among the k nearest matter as well as those at the k-th.

    Args:
        context: with the tables.
        model: that has ties.
        tables: see `_models`.
        permutations: K permutations.
        values: [K, m, m]; overwritten in place.
    """
    k, metric, others = context.config.k, context.config.neighbour_metric, context.in_order[:, model]
    for number, order in enumerate(permutations.orders):
        table = permuted_table(context, model, order, k, metric)
        anew, _ = _ranked_on_host(prepare(context.arrays[model][order]), table, metric)
        second = anew.indices.T, anew.value.T
        for other in np.flatnonzero(others):
            first = tables.indices[other].T, tables.value[other].T
            values[number, other, model] = values[number, model, other] = _sum(first, second) / context.n


def _evaluate(context: MetricContext) -> Result:
    tables, tied, undefined = _models(context)
    none, without, ties = undefined[:, None] | undefined, None, tied.sum(1)
    if context.queries is None:
        value = _sums(tables) / context.n
    else:
        queries = context.queries
        groups = [queries.group == group for group in range(len(queries.sizes))]
        parts = [Lookup(*(part[:, group] for part in tables)) for group in groups]
        sums = np.stack([_sums(part) for part in parts])
        left = len(queries.rows) - queries.sizes
        value = sums.sum(0) / len(queries.rows)
        without = np.where(none, np.nan, (sums.sum(0) - sums) / left[:, None, None])
        ties = np.rint(ties * queries.single[0]).astype(int)
    chance = np.full(value.shape, rank_chance(context.config.k, context.candidates))
    attributes = {"estimator": "weighted by rank, over common neighbours", **context.neighbour_attributes()}
    return Result(np.where(none, np.nan, value), chance, attributes, {"ties": ties}, without=without)


METRICS = (
    Metric(
        name="rank_similarity",
        long_name="k-NN rank similarity",
        kind="pair",
        evaluate=_evaluate,
        null=_null_distribution,
        needs=("neighbours",),
        symmetric=True,
        bounds=(0.0, 1.0),
        higher_is_better=True,
        chance="W / k^2 E[h / (1 + 1/2 + ... + 1/h)], h hypergeometric, W the sum of all weights",
        meaning="Do the nearest neighbours that a sample has in both models come in the same order?",
        citation="Wang et al. 2022, IEEE TKDE 34, 927; Klabunde et al. 2025, arXiv:2305.06329",
        queries="sampled",
    ),
)
