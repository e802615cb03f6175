"""Centred kernel nearest-neighbour alignment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Literal, get_args

import jax
import numpy as np

from ..base import InputError, centred, check_k, namespace, on_host, pair, renamed_arguments, scalar
from ..context import MetricContext, Progress, Queries, null_pairs, search_tied_tables
from ..neighbours import Lookup, Neighbours, all_pairs, each_pair, relabelled, sets, stack, stack_each
from ..permutation import Permutations, shifted_pairs
from ._metric import Metric, Result
from .algorithms import (
    Edges,
    QueryEdges,
    Similarity,
    Term,
    edges,
    edges_of,
    incidences,
    pair_variance,
    permutation_mean,
    placed,
    query_edges,
    query_incidences,
    query_sums,
    recentred,
    shared_sum,
    shared_sum_numpy,
    shared_sums,
    with_self,
)

Variant = Literal["debiased", "biased", "row_centred", "double_centred", "calibrated_form"]


@renamed_arguments(metric="neighbour_metric")
def cknna(
    x: Any,
    y: Any,
    /,
    *,
    k: int = 25,
    neighbour_metric: Similarity = "cosine",
    variant: Variant = "debiased",
    centre: bool = False,
) -> jax.Array:
    """Compute CKNNA: CKA restricted to pairs of samples that are neighbours in both representations.

    ``CKNNA = A(K, L) / sqrt(A(K, K) A(L, L))``. K' and L' are the kernels masked to the pairs (i, j) for which j is
    among the k nearest neighbours of i in both representations (for A(K, K) and A(L, L), in the one representation).
    The variants define A as

    - ``debiased``: the unbiased HSIC of K' and L' (Song et al. 2012, eq. 5). Huh et al.'s code, except that nothing is
      added to the denominator, so that the value does not depend on scale;
    - ``biased``: tr(K' H L' H), each row counting among its own k neighbours. Huh et al.'s code, ``unbiased=False``;
    - ``row_centred``: sum K'_ij L'_ij, the row means of each kernel being subtracted before masking. Huh et al.'s text;
    - ``double_centred``: the same, with row and column means subtracted;
    - ``calibrated_form``: <H K' H, H L' H>, no row being its own neighbour. Gröger et al., eq. 36.

    The five variants give different values: report which one was used.

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch.
        y: [n, d2], row i being the same sample as row i of x; n >= 4.
        k: number of neighbours, 2 <= k <= n - 1.
        neighbour_metric: the similarity used as the kernel and to rank neighbours, ``cosine`` or ``inner_product``.
        variant: one of the above.
        centre: subtract the column means from x and y first; in the published definition, rows are not centred.

    Returns:
        Scalar, about 0.9 k / (n - 1) for independent x and y and k well below n; ``biased`` is higher, because rows are
        their own neighbours. May be negative, and with very few neighbours ``debiased`` can exceed 1. NaN if an input
        is not finite or constant.

    Invariant to rotation, isotropic scaling and a common permutation of rows; with ``centre`` also to translation.
    Symmetric, except for ``debiased``: its mask is not symmetric, and its third term multiplies one kernel by the mask
    and the other by its transpose. Swapping x and y changes the value by less than about 0.01 for k < n / 10, and by
    more as k approaches n (0.02 at n / 4, 0.2 at 2 n / 3). At k = n - 1, ``debiased`` equals the debiased CKA of the
    (unit) rows, and ``double_centred`` nearly does.
    Differentiable with the neighbours held fixed. ``debiased`` and ``biased`` mask a kernel that is not centred. Far
    from the origin (200 standard deviations) all its entries are nearly equal, and at k = n - 1, where the mask carries
    no information either, the values in float32 are accurate to a few per cent only: centre such rows, or use float64.
    Cost O(n^2 (d1 + d2) + n k^2), with n k log k in place of n k^2 beyond 64 neighbours; memory O(b n + n k): no n x n
    matrix is formed.
    Source: Huh et al. (2024), arXiv 2405.07987, appendix A; Gröger et al. (2026), arXiv 2602.14486.

    Raises:
        ValueError: x and y have different numbers of rows or fewer than 4, k is out of range, neighbour_metric is a
            distance, or the variant is unknown.
        TypeError: an input is complex.

    Warns:
        UserWarning: an input is constant or not finite; not inside `jax.jit`.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(50, 8))
        >>> round(float(cknna(x, 2 * x, k=5)), 5)
        1.0
    """
    if neighbour_metric not in get_args(Similarity):
        raise InputError(
            f"CKNNA masks a similarity: neighbour_metric is 'cosine' or 'inner_product', not {neighbour_metric!r}"
        )
    if variant not in get_args(Variant):
        raise InputError(f"unknown variant {variant!r} of CKNNA: use {', '.join(get_args(Variant))}")
    a, b = pair(x, y, least=4, warn=True)
    check_k(k, len(a), least=2)
    rows = on_host(a, b)
    xp = namespace(*rows)
    with np.errstate(all="ignore"):  # rows that are not finite
        points = [centred(v)[0] if centre else v for v in rows]
        both = [_edges(v, sets(v, k, neighbour_metric), neighbour_metric, variant) for v in points]
        aligned = _aligned(stack(both), variant)
        value = _normalised(aligned, aligned.diagonal())[0, 1]
    finite = xp.isfinite(rows[0]).all() & xp.isfinite(rows[1]).all()
    return scalar(xp.where(finite, value, xp.nan), a.dtype)


def _edges(x: jax.Array, table: Neighbours, metric: Similarity, variant: Variant) -> Edges:
    if variant == "biased":
        return edges(with_self(x, table, metric=metric))
    if variant == "row_centred":
        return recentred(x, edges(table), metric=metric, sides="rows")
    if variant == "double_centred":
        return recentred(x, edges(table), metric=metric, sides="both")
    return edges(table)


def _terms(variant: Variant, n: int) -> Mapping[Term, float]:
    """Return the terms that A sums over the shared edges, with their factors, up to a factor that cancels."""
    if variant == "debiased":
        return {"trace": 1, "sums": 1 / ((n - 1) * (n - 2)), "through": -2 / (n - 2)}
    if variant == "biased":
        return {"trace": 1, "sums": 1 / n**2, "through": -1 / n, "back": -1 / n}
    if variant == "calibrated_form":
        return {"product": 1, "sums": 1 / n**2, "rows": -1 / n, "columns": -1 / n}
    return {"product": 1}


def _aligned(models: Edges, variant: Variant, order: jax.Array | None = None) -> Any:
    """Compute A of all pairs of models, [m, m], with the rows of the second in another order if one is given."""
    if order is not None or not isinstance(models.indices, np.ndarray):
        return _compiled_aligned(models, variant, order)
    m, values = len(models.indices), np.empty((len(models.indices),) * 2)
    each, terms = [Edges(*(leaf[at] for leaf in models)) for at in range(m)], _terms(variant, models.indices.shape[-1])
    first, second = np.triu_indices(m)
    found = each_pair(lambda a, b: shared_sum_numpy(each[a], each[b], terms), first, second)
    values[first, second], values[second, first] = np.array(found).T
    return values


@partial(jax.jit, static_argnames="variant")
def _compiled_aligned(models: Edges, variant: Variant, order: jax.Array | None = None) -> jax.Array:
    terms = _terms(variant, models.indices.shape[-1])
    others = None if order is None else Edges(*relabelled(order, *models))
    return all_pairs(lambda a, b: shared_sum(a, b, terms), models, others)


@partial(jax.jit, static_argnames="variant")
def _null_aligned(models: tuple[Edges, jax.Array], orders: jax.Array, variant: Variant) -> jax.Array:
    edges, self_aligned = models
    return jax.lax.map(lambda order: _normalised(_compiled_aligned(edges, variant, order), self_aligned), orders)


@partial(jax.jit, static_argnames="variant")
def _against(models: Edges, other: Edges, variant: Variant) -> tuple[jax.Array, jax.Array]:
    """Compute A of all models with another one as the second, [m], and as the first."""
    terms = _terms(variant, models.indices.shape[-1])
    return jax.lax.map(lambda model: shared_sum(model, other, terms), models)


def _normalised(aligned: Any, self_aligned: Any) -> Any:
    return _normalised_by(aligned, self_aligned[:, None], self_aligned)


def _normalised_by(aligned: Any, first: Any, second: Any) -> Any:
    compute = _divided if namespace(aligned, first, second) is np else _compiled_divided
    return compute(aligned, first, second)


def _divided(aligned: Any, first: Any, second: Any) -> Any:
    xp = namespace(aligned, first, second)
    good = (first > 0) & (second > 0)
    return xp.where(good, aligned / xp.sqrt(xp.where(good, first * second, 1)), xp.nan)


_compiled_divided = jax.jit(_divided)


def _masked(variant: Variant) -> Variant:
    """Return the variant that masks the same kernel."""
    return "debiased" if variant == "calibrated_form" else variant


def _models(context: MetricContext, variant: Variant) -> tuple[Edges, np.ndarray]:
    """Compute the masked kernel of each model and the `incidences` of its edges."""
    metric = context.similarity
    kernel = _masked(variant)

    def compute() -> tuple[Edges, np.ndarray]:
        tables = context.tables(context.config.k, metric)
        if kernel == "debiased" and all(isinstance(table.indices, np.ndarray) for table in tables):
            return _of_lookups(context.stacked_lookups(context.config.k, metric))
        counts = []

        def masked() -> Iterator[Edges]:
            for x, table in zip(context.arrays, tables, strict=True):
                model = _edges(x, table, metric, kernel)
                counts.append(incidences(model))
                yield model

        return stack_each(masked(), context.m), np.stack(counts)

    return context.cached(("cknna", kernel, context.config.k, metric), compute)


def _of_lookups(tables: Lookup) -> tuple[Edges, np.ndarray]:
    """Return the edges of tables [m, n, k] in NumPy, in the arrays of the tables where they need no scale."""
    weight, mutual, counts = tables.value, np.empty(tables.indices.shape, bool), []
    for at, value in enumerate(tables.value):
        model = edges_of(Lookup(tables.indices[at], value))
        mutual[at] = model.mutual.T
        counts.append(incidences(model))
        if not np.may_share_memory(model.weight, value):
            weight = weight.copy() if weight is tables.value else weight
            weight[at] = model.weight.T
    return Edges(*(part.swapaxes(1, 2) for part in (tables.indices, weight, mutual))), np.stack(counts)


def _null_distribution(context: MetricContext, permutations: Permutations, variant: Variant) -> np.ndarray:
    edges, _ = _models(context, variant)
    tables = edges, _aligned(edges, variant).diagonal()

    def shifted(tables: tuple[Edges, jax.Array], progress: Progress) -> np.ndarray:
        edges, self_aligned = tables[0], np.asarray(tables[1], np.float64)
        score = shared_sums(edges, _terms(variant, context.n), len(permutations))
        aligned = shifted_pairs(np.asarray(edges.indices), permutations, score, progress)
        good = (self_aligned[:, None] > 0) & (self_aligned > 0)
        return aligned / np.sqrt(np.where(good, self_aligned[:, None] * self_aligned, np.nan))

    values = null_pairs(context, partial(_null_aligned, variant=variant), tables, permutations, shifted)
    metric, masked = context.similarity, _masked(variant)

    def against(table: Neighbours, model: int, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        other = _edges(context.arrays[model][order], table, metric, masked)
        both = _against(edges, other, variant)
        return tuple(np.asarray(_normalised_by(v, tables[1], tables[1][model])) for v in both)  # type: ignore[return-value]

    search_tied_tables(context, permutations, metric, against, values, with_self=variant == "biased")
    return values


def _query_models(context: MetricContext, queries: Queries, variant: Variant) -> list[QueryEdges]:
    """Compute the masked kernel of each model at the neighbours of the queries."""
    metric, kernel, k, rows = context.similarity, _masked(variant), context.config.k, queries.rows

    def of_model(x: Any, table: Neighbours) -> Edges:
        if kernel == "biased":
            return query_edges(with_self(x, table, metric=metric, rows=rows), queries)
        known = query_edges(table, queries)
        if kernel == "debiased":
            return known
        return recentred(x, known, metric=metric, sides="rows" if kernel == "row_centred" else "both", rows=rows)

    def compute() -> list[QueryEdges]:
        pairs = zip(context.arrays, context.tables(k, metric), strict=True)
        return [placed(of_model(x, table), queries) for x, table in pairs]

    return context.cached(("cknna of queries", kernel, k, metric), compute)


def _estimated(context: MetricContext, queries: Queries, variant: Variant) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Estimate A of all pairs, [1 + g, m, m]: from all queries, and without each group; its mean by chance, [m, m].

    The third, [m, m], is the `pair_variance` of the scores.
    """
    models, terms = _query_models(context, queries, variant), _terms(variant, context.n)
    aligned, paired = np.empty((1 + len(queries.sizes), context.m, context.m)), np.zeros((context.m, context.m))
    own = [query_sums(model, model, terms, queries) for model in models]
    for a, b in zip(*np.triu_indices(context.m), strict=True):
        sums = own[a] if a == b else query_sums(models[a], models[b], terms, queries)
        aligned[:, a, b], aligned[:, b, a] = sums.forward, sums.backward
        paired[a, b] = paired[b, a] = pair_variance(sums, own[a], own[b])
    counts = np.stack([query_incidences(model, queries) for model in models])
    return aligned, permutation_mean(counts, context.n, terms, context.row_candidates), paired


def _evaluate(context: MetricContext, variant: Variant) -> Result:
    without = paired = None
    if context.queries is None:
        models, counts = _models(context, variant)
        aligned = _aligned(models, variant)
        by_chance = permutation_mean(counts, context.n, _terms(variant, context.n), context.row_candidates)
    else:
        (aligned, *others), by_chance, paired = _estimated(context, context.queries, variant)
        without = np.stack([_normalised(each, each.diagonal()) for each in others])
    self_aligned = aligned.diagonal()
    attributes = {
        "estimator": variant,
        "variant": variant,
        "k": context.config.k,
        "neighbour_metric": context.similarity,
        "centring": "columns" if context.config.centre else "none",
        "chance": "mean over all permutations",
    }
    value, chance = (np.asarray(_normalised(v, self_aligned), np.float64) for v in (aligned, by_chance))
    return Result(value, chance, attributes, without=without, paired=paired)


_HUH = "Huh et al. 2024, arXiv:2405.07987"
_FACTS: Mapping[Variant, tuple[str, str, str, str]] = {
    "debiased": (
        "cknna",
        "CKNNA, debiased",
        "As CKA, but restricted to pairs of samples that are neighbours in both models: local agreement.",
        _HUH,
    ),
    "biased": (
        "cknna_biased",
        "CKNNA, biased",
        "CKNNA with each sample counted among its own nearest neighbours, which raises the score.",
        f"{_HUH}, code with unbiased=False",
    ),
    "row_centred": (
        "cknna_row_centred",
        "CKNNA, row-centred",
        "CKNNA as written in the paper: row-centred kernels, masked to the neighbours shared by both models.",
        f"{_HUH}, eq. 16-18",
    ),
    "double_centred": (
        "cknna_double_centred",
        "CKNNA, double-centred",
        "CKNNA with kernels centred as in CKA, then masked to the neighbours shared by both models.",
        f"after {_HUH}",
    ),
    "calibrated_form": (
        "cknna_calibrated_form",
        "CKNNA, calibrated form",
        "CKNNA with kernels masked to the neighbours shared by both models, then centred as in CKA.",
        "Gröger et al. 2026, arXiv:2602.14486, eq. 36",
    ),
}

METRICS = tuple(
    Metric(
        name=name,
        long_name=long_name,
        kind="pair",
        evaluate=partial(_evaluate, variant=variant),
        null=partial(_null_distribution, variant=variant),
        needs=("neighbours",),
        symmetric=variant != "debiased",
        bounds=(0.0, 1.0),
        higher_is_better=True,
        chance="mean over all permutations of the samples, for each pair of models, in closed form",
        meaning=meaning,
        citation=citation,
        min_k=2,
        queries="sampled",
    )
    for variant, (name, long_name, meaning, citation) in _FACTS.items()
)
