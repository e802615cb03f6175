"""Centred kernel nearest-neighbour alignment."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._metric import Metric, Result
from .._neighbours import Lookup, NeighbourMetric, lookup, neighbours
from .._panel import Panel
from .._rows import check_k, pair

# Permutations behind the chance level in a Comparison: it has no closed form.
CHANCE_PERMUTATIONS = 5


def cknna(
    x: Any,
    y: Any,
    /,
    *,
    k: int = 25,
    metric: Literal["cosine", "inner_product"] = "cosine",
    variant: Literal["debiased"] = "debiased",
) -> jax.Array:
    """CKA that looks only at pairs of samples which are neighbours in both representations.

    ``CKNNA = A(K, L) / sqrt(A(K, K) A(L, L))``, where A is the unbiased HSIC (Song et al. 2012, eq. 5) of the kernels
    masked to the pairs (i, j) with j among the k nearest neighbours of i in both. The form of Huh et al.'s code, except
    that nothing is added to the denominator, so that it does not depend on scale.

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch.
        y: [n, d2], row i being the same sample as row i of x; n >= 4.
        k: neighbours, 2 <= k <= n - 1.
        metric: the kernel and the similarity that ranks neighbours, ``cosine`` (rows not centred) or
            ``inner_product``.
        variant: ``debiased``; several formulas go under this name, and this is the one computed here.

    Returns:
        Scalar, about 0.9 k / (n - 1) where x and y are independent and k is well below n; may be negative, and for
        a handful of neighbours exceed 1. NaN where an
        input is not finite or constant.

    Invariant to rotation, isotropic scale and a common permutation of rows. Symmetric up to the third term of the
    estimator, in which a mask that is not symmetric meets the two kernels in order: swapping x and y moves the value
    by less than about 0.01 where k < n / 10, by more where k comes nearer to n (0.02 at n / 4, 0.2 at 2 n / 3).
    Cost O(n^2 (d1 + d2) + n k log k), memory O(b n + n k): no n x n matrix.
    Source: Huh et al. (2024), arXiv 2405.07987, appendix A.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(50, 8))
        >>> round(float(cknna(x, 2 * x, k=5)), 5)
        1.0
    """
    if metric not in ("cosine", "inner_product"):
        raise ValueError(f"CKNNA masks a similarity: metric is 'cosine' or 'inner_product', not {metric!r}")
    if variant != "debiased":
        raise ValueError(f"unknown variant {variant!r} of CKNNA: use 'debiased'")
    a, b = pair(x, y, least=4)
    check_k(k, len(a), least=2)
    value = _score(*(_edges(lookup(neighbours(v, k, metric))) for v in (a, b)))
    return jnp.where(jnp.isfinite(a).all() & jnp.isfinite(b).all(), value, jnp.nan)


class _Edges(NamedTuple):
    table: Lookup  # neighbours, and the kernel at those pairs
    mutual: jax.Array  # bool [n, k], whether the row is in turn a neighbour of its neighbour
    own: jax.Array  # the unbiased HSIC of the masked kernel with itself


@jax.jit
def _edges(table: Lookup) -> _Edges:
    index, kernel = table
    mutual, _ = table.find(index, _row_numbers(index))
    # The kernel enters as it is, not centred; a scale cancels, and keeps the sums of squares in range.
    largest = jnp.abs(kernel).max()
    kernel = kernel / jnp.where(largest > 0, largest, 1)
    own = _hsic(index, kernel, kernel, jnp.ones_like(mutual), mutual)
    return _Edges(Lookup(index, kernel), mutual, own)


def _row_numbers(index: jax.Array) -> jax.Array:
    return jnp.broadcast_to(jnp.arange(len(index), dtype=index.dtype)[:, None], index.shape)


def _hsic(index: jax.Array, k: jax.Array, l: jax.Array, edge: jax.Array, both_ways: jax.Array) -> jax.Array:  # noqa: E741
    """Unbiased HSIC of two kernels masked to the same edges (i, index[i, a]) where ``edge``; see Song et al. eq. 5."""
    n = len(index)
    k, l = jnp.where(edge, k, 0), jnp.where(edge, l, 0)  # noqa: E741
    trace = jnp.where(both_ways, k * l, 0).sum(1).sum()  # only pairs masked in both directions meet in tr(K L)
    columns = jnp.zeros(n, k.dtype).at[index].add(k)
    sums = k.sum(1).sum() * l.sum(1).sum()
    return (trace + sums / ((n - 1) * (n - 2)) - 2 * (columns @ l.sum(1)) / (n - 2)) / (n * (n - 3))


@jax.jit
def _score(a: _Edges, b: _Edges) -> jax.Array:
    rows = _row_numbers(a.table.indices)
    edge, position = b.table.find(rows, a.table.indices)
    other = b.table.value[rows, position]
    both_ways = edge & a.mutual & b.mutual[rows, position]
    shared = _hsic(a.table.indices, a.table.value, other, edge, both_ways)
    good = (a.own > 0) & (b.own > 0)
    return jnp.where(good, shared / jnp.sqrt(jnp.where(good, a.own * b.own, 1)), jnp.nan)


def _permuted(edges: _Edges, order: jax.Array) -> _Edges:
    """Return the edges of the same rows in another order: row i becomes row order[i]."""
    index, kernel, mutual = jax.lax.sort((order[edges.table.indices], edges.table.value, edges.mutual), num_keys=1)
    back = jnp.argsort(order)
    return _Edges(Lookup(index[back], kernel[back]), mutual[back], edges.own)


@jax.jit
def _permuted_score(a: _Edges, b: _Edges, orders: jax.Array) -> jax.Array:
    return jax.lax.map(lambda order: _score(a, _permuted(b, order)), orders).mean()


def _evaluate(panel: Panel) -> Result:
    metric: NeighbourMetric = "inner_product" if panel.neighbour_metric == "inner_product" else "cosine"
    edges = [_edges(table) for table in panel.lookups(panel.k, metric)]
    orders = jnp.stack(panel.permutations(CHANCE_PERMUTATIONS))
    value = panel.pairs(_score, edges, symmetric=False)
    # Of each pair the second by name is permuted, so that the order in which the models came does not matter.
    by_name = np.argsort(panel.names)
    chance = np.empty_like(value)
    chance[np.ix_(by_name, by_name)] = panel.pairs(
        lambda a, b: _permuted_score(a, b, orders), [edges[i] for i in by_name], symmetric=True
    )
    attributes = {
        "estimator": "debiased",
        "variant": "debiased",
        "k": panel.k,
        "neighbour_metric": metric,
        "centring": "none",
        "chance_permutations": CHANCE_PERMUTATIONS,
    }
    return Result(value, chance, attributes)


METRICS = (
    Metric(
        name="cknna",
        long_name="CKNNA, debiased",
        kind="pair",
        evaluate=_evaluate,
        needs=("neighbours",),
        symmetric=False,
        bounds=(0.0, 1.0),
        higher_is_better=True,
        chance=f"mean of {CHANCE_PERMUTATIONS} permutations of the samples, pair by pair; about 0.9 k / (n - 1)",
        meaning="As CKA, but only over samples that both models call neighbours: agreement in the small.",
        citation="Huh et al. 2024, arXiv:2405.07987",
    ),
)
