"""Information imbalance: how well neighbourhoods in one representation predict those in another."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..base import block_size, blocks, check_k, pair
from ..context import NULL, MetricContext, Queries, permuted_table, tied_models
from ..gram import prepare
from ..neighbours import TABLE, ranks, recompute_exact_ranks, search
from ..permutation import Permutations, permuted_ranks
from ._metric import Metric, Result


def information_imbalance(x: Any, y: Any, /, *, k: int = 1) -> jax.Array:
    """Compute the information imbalance Delta(x -> y): the mean rank in y of the nearest neighbours in x.

    ``2 / n mean_i mean_{j in kNN_x(i)} rank_y(i, j)``, with ranks counted from 1 for the nearest other point, by
    Euclidean distance, ties broken by the lowest index.

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch.
        y: [n, d2], row i being the same sample as row i of x.
        k: number of neighbours, 1 <= k <= n - 1.

    Returns:
        Scalar: (k + 1) / n if x determines the neighbours in y, about 1 if it carries no information about them; at
        most 2. NaN if an input is constant or not finite.

    Not symmetric: the two directions together show whether one representation contains the information of the other.
    Invariant to rotation, translation and isotropic scaling of either, and to a common permutation of rows. Depends on
    n and k: report both.
    Cost O(n^2 (d1 + d2 + k)): ranks are counted, not sorted. Memory O(b n) for blocks of b rows.
    Source: Glielmo et al. (2022), PNAS Nexus 1, pgac039.

    Raises:
        ValueError: x and y have different numbers of rows, or k is out of range.
        TypeError: an input is complex.

    Warns:
        UserWarning: an input is constant or not finite; not inside `jax.jit`.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(50, 3))
        >>> plane, whole = x[:, :2], x
        >>> bool(information_imbalance(whole, plane) < information_imbalance(plane, whole))
        True
    """
    a, b = pair(x, y, least=2, warn=True)
    check_k(k, len(a))
    return _imbalance(a, b, k)


@partial(jax.jit, static_argnames=("k",))
def _imbalance(a: jax.Array, b: jax.Array, k: int) -> jax.Array:
    n, first, second = len(a), prepare(a), prepare(b)

    def block(rows: jax.Array) -> jax.Array:
        query = jnp.minimum(rows, n - 1)
        gram = second.gram(query)
        index = search(first, first.gram(query), query, k, "euclidean").indices
        table = search(second, gram, query, min(TABLE, n - 1), "euclidean").indices
        values, incomplete = ranks(second.norms, gram, query, index, table)
        return recompute_exact_ranks(second, query, index, values, incomplete).mean(1)

    mean_ranks = jax.lax.map(block, blocks(n, block_size(n, 2 * n))).reshape(-1)[:n]
    defined = ~(first.norms.all_equal | second.norms.all_equal) & jnp.isfinite(a).all() & jnp.isfinite(b).all()
    return jnp.where(defined, 2 / n * mean_ranks.mean(), jnp.nan)


def _evaluate(context: MetricContext) -> Result:
    all_equal = np.array([bool(prepared.norms.all_equal) for prepared in context.prepared()])
    undefined, without = all_equal[:, None] | all_equal[None, :], None
    if context.queries is None:
        mean_ranks = context.ranks()
    else:
        mean_ranks, without = _ranks_of_queries(context, context.queries)
        without = np.where(undefined, np.nan, 2 / context.n * without)
    value = np.where(undefined, np.nan, 2 / context.n * mean_ranks)
    attributes = {"estimator": "2 / n mean rank", "k": context.config.rank_k, "neighbour_metric": "euclidean"}
    self_score = (context.config.rank_k + 1) / context.n
    return Result(value, np.ones_like(value), attributes, self_score=self_score, without=without)


def _ranks_of_queries(context: MetricContext, queries: Queries) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean ranks of the neighbours of the queries, [m, m], and those without each group, [g, m, m]."""
    sums = context.query_result().rank_sums
    assert sums is not None
    total, left = sums.sum(0), len(queries.rows) - queries.sizes
    return total / len(queries.rows), (total - sums) / left[:, None, None]


def _null_distribution(context: MetricContext, permutations: Permutations) -> np.ndarray:
    context = context.everywhere  # ranks are those among all samples
    all_equal = np.array([bool(prepared.norms.all_equal) for prepared in context.prepared()])
    k, report = context.config.rank_k, context.stage_callback(NULL)
    tables = [np.asarray(table.indices) for table in context.tables(k, "euclidean")]
    tied = {
        model: np.stack(
            [np.asarray(permuted_table(context, model, order, k, "euclidean").indices) for order in permutations.orders]
        )
        for model in tied_models(context, k, "euclidean")
    }
    mean_ranks = permuted_ranks(
        context.kept(), tables, permutations, context.in_order, report, tied=tied, mesh=context.mesh
    )
    return np.where(all_equal[:, None] | all_equal[None, :], np.nan, 2 / context.n * mean_ranks)


METRICS = (
    Metric(
        name="information_imbalance",
        long_name="information imbalance",
        kind="pair",
        evaluate=_evaluate,
        null=_null_distribution,
        needs=("ranks",),
        symmetric=False,
        bounds=(0.0, 2.0),
        higher_is_better=False,
        chance="exactly 1 on average over permutations",
        meaning="Are nearest neighbours in one model also near in the other? 0 means yes, 1 no nearer than at random.",
        citation="Glielmo et al. 2022, doi:10.1093/pnasnexus/pgac039",
        queries="sampled",
    ),
)
