"""Second-order cosine similarity: the similarities of a sample to its neighbours, compared between two models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from ..base import centred, check_k, namespace, on_host, pair, scalar, unit
from ..context import NULL, VALUES, MetricContext, permuted_table, tie_counts, tied_models
from ..neighbours import Lookup, NeighbourMetric, Neighbours, check_metric, lookup, position, sets
from ..permutation import Permutations, draw_whole_groups
from ._metric import Metric, Result
from ._neighbour_metric import nan_unless
from .algorithms import NeighbourCosines, PairedModels, Pairing, cosine_of_products, cosines_to, second_order_scores

# The chance level in a Comparison has no closed form and is a mean over permutations. Their number is the first
# constant divided by the number of samples, within the bounds of the second.
CHANCE_SAMPLES, CHANCE_PERMUTATIONS = 2**14, (2, 20)
# Scores of single rows that are computed together, in three arrays.
HELD = 2**24


def second_order_cosine(
    x: Any, y: Any, /, *, k: int = 10, neighbour_metric: NeighbourMetric = "cosine", centre: bool = False
) -> jax.Array:
    """Compute the mean second-order cosine similarity of two representations.

    ``mean_i cos(u_i, v_i)``: u_i are the cosine similarities of row i to the rows J_i in x, and v_i those in y, where
    J_i is the union of its k nearest neighbours in x and in y. A row is not its own neighbour; ties are broken by the
    lowest index. The cosine of a row of zeros with any row counts as 0, and so does that of two such vectors if one is
    zero.

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch.
        y: [n, d2], row i being the same sample as row i of x.
        k: number of neighbours, 1 <= k <= n - 1.
        neighbour_metric: by which neighbours are found, ``cosine``, ``euclidean`` or ``inner_product``. Similarities
            are cosines in any case.
        centre: subtract the column means first, which changes cosines. In the published definition, rows are not
            centred.

    Returns:
        Scalar in [-1, 1], 1 for x with itself. Without ``centre`` it is often close to 1, and far from 0 for unrelated
        x and y: where all rows point in similar directions, all similarities are close to 1. Compare with the chance
        level, or shuffle the rows of one. NaN if an input is not finite or constant.

    Symmetric; invariant to rotation, isotropic scaling and a common permutation of rows; with ``centre`` also to
    translation. Differentiable with the neighbours held fixed. Cost and memory as for `mutual_knn`, and
    O(n k (d1 + d2)) for the similarities.
    Source: Hamilton et al. (2016), Cultural shift or linguistic drift?, EMNLP, arXiv 1606.02821, as in Klabunde et al.
    (2025), arXiv 2305.06329. The code of the ReSi benchmark compares cosine distances, 1 - cos, instead.

    Raises:
        ValueError: x and y have different numbers of rows, k is out of range, or the neighbour metric is unknown.
        TypeError: an input is complex.

    Warns:
        UserWarning: an input is constant or not finite; not inside `jax.jit`.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(50, 8))
        >>> round(float(second_order_cosine(x, 2 * x, k=5)), 6)
        1.0
    """
    check_metric(neighbour_metric)
    a, b = pair(x, y, least=2, warn=True)
    check_k(k, len(a))
    rows = on_host(a, b)
    xp = namespace(*rows)
    defined = xp.isfinite(rows[0]).all() & xp.isfinite(rows[1]).all()
    sides = []
    with np.errstate(all="ignore"):  # rows that are not finite
        for each in rows:
            points = centred(each)[0] if centre else each
            table = sets(points, k, neighbour_metric)
            defined = defined & ~namespace(table.value).isnan(table.value).any()
            sides.append((unit(points), lookup(table).indices))
        value = _mean_of_rows(*sides)
    return nan_unless(defined, scalar(value, a.dtype))


def _mean_of_rows(first: tuple[Any, Any], second: tuple[Any, Any]) -> Any:
    """Compute the score of two models from their unit rows [n, d] and neighbours int32 [n, k], ascending."""
    (x, in_x), (y, in_y) = first, second
    both = (cosines_to(x, in_x), cosines_to(x, in_y)), (cosines_to(y, in_x), cosines_to(y, in_y))
    new = (position(in_y.T, in_x.T) < 0).T  # a common neighbour counts once
    xp = namespace(x, y)

    def inner(u: tuple[Any, Any], v: tuple[Any, Any]) -> Any:
        return (u[0] * v[0]).sum(1) + xp.where(new, u[1] * v[1], 0).sum(1)

    return cosine_of_products(inner(*both), inner(both[0], both[0]), inner(both[1], both[1])).mean()


def _models(context: MetricContext) -> list[NeighbourCosines]:
    k, metric = context.config.k, context.config.neighbour_metric

    def compute() -> list[NeighbourCosines]:
        tables = zip(context.arrays, context.lookups(k, metric), strict=True)
        return [_model(unit(x), table, _rows(context)) for x, table in tables]

    return context.cached(("second-order cosine", k, metric, context.outside is None), compute)


def _model(points: Any, table: Lookup, rows: np.ndarray) -> NeighbourCosines:
    indices = np.asarray(table.indices)
    # Cosines in the table have the rounding errors of the products by which neighbours were found.
    own = cosines_to(np.asarray(points), indices, rows)
    return NeighbourCosines(points, indices, np.where(np.isnan(table.value).any(), np.nan, own).astype(own.dtype))


def _rows(context: MetricContext) -> np.ndarray:
    return np.arange(context.n, dtype=np.int32) if context.queries is None else context.queries.rows


def _place(context: MetricContext) -> np.ndarray:
    return np.arange(context.n, dtype=np.int32) if context.queries is None else context.queries.place


def _undefined(models: Sequence[NeighbourCosines]) -> np.ndarray:
    none = np.array([bool(np.isnan(model.own).any()) for model in models])
    return none[:, None] | none


def _pairs(context: MetricContext) -> list[tuple[int, int]]:
    """Return all pairs of models, each with the one that is permuted second."""
    return [(int(a), int(b)) for a, b in np.argwhere(context.in_order)]


def _table(context: MetricContext, values: np.ndarray) -> np.ndarray:
    """Return values [..., pairs] of all pairs as matrices [..., m, m]."""
    table = np.empty((*values.shape[:-1], context.m, context.m))
    for at, (a, b) in enumerate(_pairs(context)):
        table[..., a, b] = table[..., b, a] = values[..., at]
    return table


def _sums(
    context: MetricContext,
    models: Sequence[NeighbourCosines],
    orders: Sequence[np.ndarray],
    tied: Sequence[int],
    stage: str,
) -> np.ndarray:
    """Sum the scores of the rows of all pairs under each order, [len(orders), g, m, m], in each of g groups of rows.

    Args:
        context: with the tables; without queries there is one group.
        models: see `_models`.
        orders: int [n] each.
        tied: models whose ties are broken anew where they are permuted, see `search_tied_tables`.
        stage: for progress.
    """
    report, rows, place, pairs = context.stage_callback(stage), _rows(context), _place(context), _pairs(context)
    groups = np.zeros(len(rows), int) if context.queries is None else context.queries.group
    members = (groups[:, None] == np.unique(groups)).astype(np.float64)
    size, values = max(1, HELD // (len(pairs) * len(rows))), []
    for start in range(0, len(orders), size):
        chunk, jobs = orders[start : start + size], []
        for order in chunk:
            pairing, anew = Pairing(order, rows, place), {}
            for a, b in pairs:
                if b in tied and b not in anew:
                    anew[b] = _broken_anew(context, models[b], b, pairing)
                jobs.append(PairedModels(a, b, pairing, anew.get(b, models[b])))

        def progress(done: int, start: int = start, count: int = len(chunk)) -> None:
            report(start * context.m + done * count, len(orders) * context.m)

        scores = second_order_scores(models, rows, jobs, progress, one_by_one=context.queries is not None).astype(
            np.float64
        )
        values.append((scores @ members).reshape(len(chunk), len(pairs), -1).swapaxes(1, 2))
    return _table(context, np.concatenate(values))


def _broken_anew(context: MetricContext, model: NeighbourCosines, number: int, pairing: Pairing) -> NeighbourCosines:
    """Return a model with the neighbours that its rows have in the order of a pairing, in its own row numbers."""
    order, inverse = pairing.order, pairing.inverse
    found = permuted_table(context, number, order, context.config.k, context.config.neighbour_metric)
    table = Neighbours(*(np.asarray(part)[inverse] for part in (order[found.indices], *found[1:])))
    return _model(model.points, lookup(table), _rows(context))


def _null_distribution(context: MetricContext, permutations: Permutations) -> np.ndarray:
    models = _models(context)
    tied = tied_models(context, context.config.k, context.config.neighbour_metric)
    values = _sums(context, models, list(permutations.orders), tied, NULL)[:, 0] / context.n
    return np.where(_undefined(models), np.nan, values)


def _chance_orders(context: MetricContext) -> list[np.ndarray]:
    """Draw permutations of all samples for the chance level; queries are permuted among themselves.

    Where neighbours are those of other labels, samples of one label stay together, since they are never neighbours;
    there are no permutations if no two labels are equally frequent, and none with queries.
    """
    count = int(np.clip(CHANCE_SAMPLES // len(_rows(context)), *CHANCE_PERMUTATIONS))
    if context.outside is not None:
        sizes = np.bincount(context.outside)
        if len(np.unique(sizes)) == len(sizes) or context.queries is not None:
            return []
        return list(draw_whole_groups(context.outside.tolist(), count, seed=context.config.seed).orders)
    if context.queries is None:
        return context.permutations(count)
    generator, orders = np.random.default_rng(context.config.seed), []
    drawn = context.queries.rows
    rest = np.flatnonzero(context.queries.place < 0).astype(np.int32)
    for _ in range(count):
        order = np.empty(context.n, np.int32)
        for rows in (drawn, rest):
            order[rows] = rows[generator.permutation(len(rows))]
        orders.append(order)
    return orders


def _evaluate(context: MetricContext) -> Result:
    models, count, without = _models(context), len(_rows(context)), None
    undefined, ties, orders = _undefined(models), tie_counts(context), _chance_orders(context)
    same = np.arange(context.n, dtype=np.int32)
    sums, *permuted = np.where(undefined, np.nan, _sums(context, models, [same, *orders], (), VALUES))
    if context.queries is not None:
        left = count - context.queries.sizes
        without = (sums.sum(0) - sums) / left[:, None, None]
        ties = np.rint(ties * context.queries.single[0]).astype(int)
    attributes = {
        "estimator": "cosine of cosine similarities to the neighbours in either model",
        **context.neighbour_attributes(),
        "chance_permutations": len(orders),
    }
    unknown = np.full_like(sums[0], np.nan)
    chance = np.mean(permuted, 0).sum(0) / count if permuted else unknown
    return Result(sums.sum(0) / count, chance, attributes, {"ties": ties}, without=without)


METRICS = (
    Metric(
        name="second_order_cosine",
        long_name="second-order cosine similarity",
        kind="pair",
        evaluate=_evaluate,
        null=_null_distribution,
        needs=("neighbours",),
        symmetric=True,
        bounds=(-1.0, 1.0),
        higher_is_better=True,
        chance="mean over 2 to 20 permutations of the samples, for each pair of models; not 0 unless rows are centred",
        meaning="Are a sample's similarities to its nearest neighbours, in either model, the same in both models?",
        citation="Hamilton et al. 2016, arXiv:1606.02821; Klabunde et al. 2025, arXiv:2305.06329",
        queries="sampled",
    ),
)
