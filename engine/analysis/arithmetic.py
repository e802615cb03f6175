"""Embedding arithmetic: whether A - B + C lies near D, where D differs from C as A differs from B."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..base import InputError
from .offset_ranks import OffsetRanks, Similarity, over_units, permuted_within

ARITHMETIC = "A - B + C"
# What the distance of D is measured from: weights of A, B and C.
QUERIES = {ARITHMETIC: (1.0, -1.0, 1.0), "A": (1.0, 0.0, 0.0), "C": (0.0, 0.0, 1.0), "A and C": (0.5, 0.0, 0.5)}


class Arithmetic(NamedTuple):
    """Where D is among the candidates, the nearest first, by its distance from A - B + C.

    Args:
        percentile: mean over quadruples of the share of the other candidates that are nearer than D: 0 at best, 0.5 by
            chance.
        low: lower end of its 95 % interval, by the jackknife over units.
        high: upper end.
        median: median of this share.
        reciprocal_rank: mean of 1 / rank.
        reciprocal_chance: its value for ranks that are equally likely.
        first: share of the quadruples in which D is the nearest.
        without_offset: percentile by the distance from A alone, from C alone and from the mean of both: what is there
            without subtracting B.
        gain: the smallest of these minus percentile.
        gain_low: lower end of its 95 % interval.
        gain_high: upper end.
        p: p-value of percentile under permutations of the rows among the samples: does the geometry know what the
            samples are?
        null: mean of percentile under these.
        within_p: p-value under permutations within strata: does it know more than the strata? NaN without strata.
        within_null: mean of percentile under these: what the strata alone give.
        within: mean share of the other candidates of D's stratum that are nearer than D, for quadruples that have any;
            NaN without.
        ranks: [q], rank of D, from 1; half ranks for ties.
        candidates: number of candidates of each quadruple, D included.
    """

    percentile: float
    low: float
    high: float
    median: float
    reciprocal_rank: float
    reciprocal_chance: float
    first: float
    without_offset: dict[str, float]
    gain: float
    gain_low: float
    gain_high: float
    p: float
    null: float
    within_p: float
    within_null: float
    within: float
    ranks: np.ndarray
    candidates: int


def arithmetic(
    x: Any,
    quadruples: Any,
    /,
    *,
    strata: Sequence[Any] | None = None,
    units: Sequence[Any] | None = None,
    similarity: Similarity = "cosine",
    permutations: int = 200,
    seed: int = 0,
) -> Arithmetic:
    """Rank D among all rows but A, B and C by its distance from A - B + C.

    Args:
        x: [n, d]; the column means are subtracted.
        quadruples: int [q, 4], row numbers of A, B, C and D, all four different, where D is to C what A is to B.
        strata: n labels, such as formulas: permutations within them show what the arithmetic owes to the labels alone.
            If whatever has a label can take each other's place in the quadruples, the strata explain everything, by
            construction.
        units: n labels of rows that are not independent, such as formulas; each row its own by default. The jackknife
            leaves out the quadruples that touch a unit.
        similarity: ``cosine``, or ``euclidean`` distance.
        permutations: number of permutations for each p-value; 0 for none.
        seed: of permutations and jackknife groups.

    The p-values are exact: the quadruples stay and the rows change places, so that rows which many quadruples share
    are no more significant for it. They need rows that are exchangeable if the embedding knows nothing; where rows are
    states of one thing, pass means over them. D is often near A or C already, without any arithmetic: see ``gain``.
    Cost O(n^2 d + permutations q n), memory O(n^2).
    Source: Mikolov et al. (2013), arXiv 1301.3781; offsets against neighbours alone: Linzen (2016), arXiv 1606.07736;
    for potentials: Li & Walsh (2025), arXiv 2512.05349.

    Raises:
        ValueError: shapes, row numbers or labels that do not fit, quadruples with equal members, fewer than 6 rows or
            no quadruples, fewer than 5 units in them, or rows that are not finite.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> counts = np.array([(i, j) for i in range(6) for j in range(6)])
        >>> quadruples = [[i, i + 6, i + 7, i + 1] for i in range(30) if i % 6 < 5]
        >>> found = arithmetic(counts @ rng.normal(size=(2, 8)), quadruples, similarity="euclidean")
        >>> found.first, found.p < 0.01
        (1.0, True)
    """
    ranked = OffsetRanks(x, quadruples, similarity)
    n, four = ranked.n, ranked.four
    labels = np.arange(n) if units is None else _codes(units, n, "units")
    kinds = None if strata is None else _codes(strata, n, "strata")
    shares = {name: ranked.share(weights) for name, weights in QUERIES.items()}
    share = shares.pop(ARITHMETIC)
    others = {name: float(values.mean()) for name, values in shares.items()}
    best = min(others, key=others.__getitem__)
    columns = np.stack([share, shares[best] - share], 1)
    (value, gain), (low, gain_low), (high, gain_high) = over_units(columns, labels[four], seed)
    generator = np.random.default_rng([seed, n, len(four)])
    orders = (generator.permutation(n) for _ in range(permutations))
    p, null = _p_value(float(share.mean()), [float(ranked.share(order=order).mean()) for order in orders])
    within_p = within_null = within = float("nan")
    if kinds is not None:
        orders = (permuted_within(kinds, generator) for _ in range(permutations))
        drawn = [float(ranked.share(order=order).mean()) for order in orders]
        within_p, within_null = _p_value(float(share.mean()), drawn)
        nearer, peers = ranked.nearer(strata=kinds)
        if peers.any():
            within = float((nearer[peers > 0] / peers[peers > 0]).mean())
    rank = 1 + share * (n - 4)
    return Arithmetic(
        percentile=float(value),
        low=float(low),
        high=float(high),
        median=float(np.median(share)),
        reciprocal_rank=float((1 / rank).mean()),
        reciprocal_chance=float((1 / np.arange(1, n - 2)).mean()),
        first=float((share == 0).mean()),
        without_offset=others,
        gain=float(gain),
        gain_low=float(gain_low),
        gain_high=float(gain_high),
        p=p,
        null=null,
        within_p=within_p,
        within_null=within_null,
        within=within,
        ranks=rank,
        candidates=n - 3,
    )


def _codes(labels: Sequence[Any], n: int, name: str) -> np.ndarray:
    if len(labels) != n:
        raise InputError(f"{name}: {len(labels)} labels for {n} rows")
    return np.unique(np.asarray(labels).astype(str), return_inverse=True)[1]


def _p_value(value: float, null: Sequence[float]) -> tuple[float, float]:
    """Return the share of permutations, the identity included, that are as near as the value; and their mean."""
    if not null:
        return float("nan"), float("nan")
    return (1 + sum(each <= value + 1e-12 for each in null)) / (1 + len(null)), float(np.mean(null))
