"""Centred kernel nearest-neighbour alignment."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from ..base import InputError, centred, check_k, pair, renamed_arguments
from ..context import MetricContext, Progress
from ..neighbours import Neighbours, all_pairs, relabelled, sets, stack
from ..permutation import Permutations, shifted_pairs
from ._metric import Metric, Result
from .algorithms import (
    Edges,
    Similarity,
    Term,
    edges,
    incidences,
    permutation_mean,
    recentred,
    shared_sum,
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
    """CKA that looks only at pairs of samples which are neighbours in both representations.

    ``CKNNA = A(K, L) / sqrt(A(K, K) A(L, L))``. With K' and L' the kernels masked to the pairs (i, j) in which j is
    among the k nearest neighbours of i in both representations, in one for A(K, K) and A(L, L), A is

    - ``debiased``: the unbiased HSIC of K' and L' (Song et al. 2012, eq. 5). Huh et al.'s code, except that nothing is
      added to the denominator, so that it does not depend on scale;
    - ``biased``: tr(K' H L' H), each row counting among its own k neighbours. Huh et al.'s code, ``unbiased=False``;
    - ``row_centred``: sum K'_ij L'_ij, each kernel less its row means before it is masked. Huh et al.'s text;
    - ``double_centred``: the same, less its row and column means;
    - ``calibrated_form``: <H K' H, H L' H>, no row its own neighbour. Gröger et al., eq. 36.

    They are five different numbers: state which.

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch.
        y: [n, d2], row i being the same sample as row i of x; n >= 4.
        k: neighbours, 2 <= k <= n - 1.
        neighbour_metric: the kernel and the similarity that ranks neighbours, ``cosine`` or ``inner_product``.
        variant: one of the above.
        centre: subtract the column means from x and y first; as published, rows are not centred.

    Returns:
        Scalar, about 0.9 k / (n - 1) where x and y are independent and k is well below n, for ``biased`` more by what
        the rows themselves add; may be negative, and for a handful of neighbours ``debiased`` exceeds 1. NaN where an
        input is not finite or constant.

    Invariant to rotation, isotropic scale and a common permutation of rows, with ``centre`` also to translation.
    Symmetric, but for ``debiased``, whose mask is not, and whose third term multiplies one kernel by it and the other
    by its transpose: swapping x and y moves the value by less than about 0.01 where k < n / 10, by more where k comes
    nearer to n (0.02 at n / 4, 0.2 at 2 n / 3). At k = n - 1 ``debiased`` is the debiased CKA of the (unit) rows, and
    ``double_centred`` nearly.
    Differentiable, the neighbours held fixed. ``debiased`` and ``biased`` mask a kernel that is not centred: far from
    the origin all its entries are alike, and in float32 at k = n - 1, where the mask says nothing either, they are
    right to a few per cent only (200 standard deviations); centre such rows, or use float64.
    Cost O(n^2 (d1 + d2) + n k^2), beyond 64 neighbours n k log k, memory O(b n + n k): no n x n matrix.
    Source: Huh et al. (2024), arXiv 2405.07987, appendix A; Gröger et al. (2026), arXiv 2602.14486.

    Raises:
        ValueError: x and y have different numbers of rows or fewer than 4, k out of range, a distance as
            neighbour_metric, an unknown variant.
        TypeError: complex numbers.

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
    a, b = pair(x, y, least=4)
    check_k(k, len(a), least=2)
    rows = [centred(v)[0] if centre else v for v in (a, b)]
    both = [_edges(v, sets(v, k, neighbour_metric), neighbour_metric, variant) for v in rows]
    aligned = _aligned(stack(both), variant)
    finite = jnp.isfinite(a).all() & jnp.isfinite(b).all()
    return jnp.where(finite, _normalised(aligned, aligned.diagonal())[0, 1], jnp.nan)


def _edges(x: jax.Array, table: Neighbours, metric: Similarity, variant: Variant) -> Edges:
    if variant == "biased":
        return edges(with_self(x, table, metric=metric))
    if variant == "row_centred":
        return recentred(x, edges(table), metric=metric, sides="rows")
    if variant == "double_centred":
        return recentred(x, edges(table), metric=metric, sides="both")
    return edges(table)


def _terms(variant: Variant, n: int) -> Mapping[Term, float]:
    """Say what A sums over the shared edges, up to a factor that cancels."""
    if variant == "debiased":
        return {"trace": 1, "sums": 1 / ((n - 1) * (n - 2)), "through": -2 / (n - 2)}
    if variant == "biased":
        return {"trace": 1, "sums": 1 / n**2, "through": -1 / n, "back": -1 / n}
    if variant == "calibrated_form":
        return {"product": 1, "sums": 1 / n**2, "rows": -1 / n, "columns": -1 / n}
    return {"product": 1}


@partial(jax.jit, static_argnames="variant")
def _aligned(models: Edges, variant: Variant, order: jax.Array | None = None) -> jax.Array:
    """Return A of every pair of models, [m, m], the rows of the second in another order."""
    terms = _terms(variant, models.indices.shape[-1])
    others = None if order is None else Edges(*relabelled(order, *models))
    return all_pairs(lambda a, b: shared_sum(a, b, terms), models, others)


@partial(jax.jit, static_argnames="variant")
def _null_aligned(models: tuple[Edges, jax.Array], orders: jax.Array, variant: Variant) -> jax.Array:
    edges, own = models
    return jax.lax.map(lambda order: _normalised(_aligned(edges, variant, order), own), orders)


@jax.jit
def _normalised(aligned: jax.Array, own: jax.Array) -> jax.Array:
    good = (own[:, None] > 0) & (own > 0)
    return jnp.where(good, aligned / jnp.sqrt(jnp.where(good, own[:, None] * own, 1)), jnp.nan)


def _models(context: MetricContext, variant: Variant) -> tuple[Edges, np.ndarray]:
    """Mask the kernel of each model, and sum up its pairs of edges."""
    metric = context.similarity
    # Two variants mask the same kernel.
    kernel = "debiased" if variant == "calibrated_form" else variant

    def compute() -> tuple[Edges, np.ndarray]:
        tables = context.tables(context.k, metric)
        found = [_edges(x, table, metric, kernel) for x, table in zip(context.arrays, tables, strict=True)]
        return stack(found), np.stack([incidences(one) for one in found])

    return context.cached(("cknna", kernel, context.k, metric), compute)


def _null_distribution(context: MetricContext, permutations: Permutations, variant: Variant) -> np.ndarray:
    edges, _ = _models(context, variant)
    tables = edges, _aligned(edges, variant).diagonal()

    def shifted(tables: tuple[Edges, jax.Array], progress: Progress) -> np.ndarray:
        edges, own = tables[0], np.asarray(tables[1], np.float64)
        score = shared_sums(edges, _terms(variant, context.n), len(permutations))
        aligned = shifted_pairs(np.asarray(edges.indices), permutations, score, progress)
        good = (own[:, None] > 0) & (own > 0)
        return aligned / np.sqrt(np.where(good, own[:, None] * own, np.nan))

    return context.null_pairs(partial(_null_aligned, variant=variant), tables, permutations, shifted)


def _evaluate(context: MetricContext, variant: Variant) -> Result:
    models, counts = _models(context, variant)
    aligned = _aligned(models, variant)
    own = aligned.diagonal()
    by_chance = jnp.asarray(permutation_mean(counts, context.n, _terms(variant, context.n)), aligned.dtype)
    attributes = {
        "estimator": variant,
        "variant": variant,
        "k": context.k,
        "neighbour_metric": context.similarity,
        "centring": "columns" if context.centre else "none",
        "chance": "mean over all permutations",
    }
    value, chance = (np.asarray(_normalised(v, own), np.float64) for v in (aligned, by_chance))
    return Result(value, chance, attributes)


_HUH = "Huh et al. 2024, arXiv:2405.07987"
_FACTS: Mapping[Variant, tuple[str, str, str, str]] = {
    "debiased": (
        "cknna",
        "CKNNA, debiased",
        "As CKA, but only over samples that both models call neighbours: agreement in the small.",
        _HUH,
    ),
    "biased": (
        "cknna_biased",
        "CKNNA, biased",
        "CKNNA in which each sample is its own nearest neighbour, which raises it.",
        f"{_HUH}, code with unbiased=False",
    ),
    "row_centred": (
        "cknna_row_centred",
        "CKNNA, row-centred",
        "CKNNA as written: similarities above a sample's mean, over neighbours that both models share.",
        f"{_HUH}, eq. 16-18",
    ),
    "double_centred": (
        "cknna_double_centred",
        "CKNNA, double-centred",
        "CKNNA with kernels centred as in CKA, then masked to neighbours that both models share.",
        f"after {_HUH}",
    ),
    "calibrated_form": (
        "cknna_calibrated_form",
        "CKNNA, calibrated form",
        "CKNNA with kernels masked to shared neighbours, then centred as in CKA.",
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
        chance="mean over all permutations of the samples, pair by pair, in closed form",
        meaning=meaning,
        citation=citation,
        min_k=2,
    )
    for variant, (name, long_name, meaning, citation) in _FACTS.items()
)
