"""The smallest q that permutations of a comparison can give, and how many permutations a comparison needs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from ..metrics import Metric

# Bounds of the number of permutations that a comparison draws by itself.
FEWEST, MOST = 200, 9999


class ResolutionWarning(UserWarning):
    """Warning that a pair alone could not be significant, however aligned, with the permutations that are drawn."""


def count_pairs(metrics: Iterable[Metric], m: int) -> int:
    """Return the largest number of pairs of m models that one of the metrics tests; 0 without pair metrics.

    A metric that is not symmetric tests both directions of each pair.
    """
    return max((m * (m - 1) // (1 + metric.symmetric) for metric in metrics if metric.kind == "pair"), default=0)


def level_of_pairs(pairs: int, alpha: float, fdr: str = "bh") -> float:
    """Return the level at which q of Benjamini & Hochberg is compared: alpha, or for ``by`` alpha / sum_i 1 / i."""
    return alpha / sum(1 / i for i in range(1, pairs + 1)) if fdr == "by" and pairs else alpha


def permutations_needed(pairs: int, alpha: float = 0.05) -> int:
    """Return the number of permutations with which a single aligned pair of so many can be significant.

    With K permutations no p is below 1 / (K + 1), and no q of the method of Benjamini & Hochberg below
    ``pairs / (aligned (K + 1))``, where ``aligned`` pairs have the smallest p. With K = pairs / alpha - 1 one aligned
    pair is enough. Between `FEWEST` and `MOST`: for more than 500 pairs at alpha = 0.05, some have to be aligned. If
    many pairs are aligned, fewer permutations resolve all of them, see `unresolved`.

    Args:
        pairs: number of pairs that are tested together.
        alpha: false discovery rate.

    Example:
        >>> permutations_needed(6), permutations_needed(120), permutations_needed(10_000)
        (200, 2399, 9999)
    """
    return min(MOST, max(FEWEST, math.ceil(round(pairs / alpha, 6)) - 1))


def resolution_note(
    pairs: int, permutations: int, alpha: float = 0.05, *, limit: str = "", directed: Sequence[str] = ()
) -> str:
    """Return a line on pairs that cannot be significant alone; empty if they can.

    Args:
        pairs: number of pairs that are tested together.
        permutations: their number, 0 for none.
        alpha: false discovery rate.
        limit: why no more can be drawn; by default the line says how many are enough.
        directed: names of metrics that test both directions of a pair, for which these are the pairs.
    """
    if not permutations or not pairs or pairs / (permutations + 1) <= alpha * (1 + 1e-9):
        return ""
    together = math.ceil(round(pairs / (alpha * (permutations + 1)), 6))
    reach = (
        f"at least {together} pairs have to be aligned for any to be significant"
        if together <= pairs
        else "no pair can be significant"
    )
    enough = f"for a single pair draw {math.ceil(round(pairs / alpha, 6)) - 1} permutations"
    counted = f"{pairs} pair{'s' * (pairs > 1)}"
    if directed:
        counted += f" (both directions, for {', '.join(directed)})"
    return (
        f"{permutations} permutations, {counted}: no q can be below {pairs}/{permutations + 1} "
        f"divided by the number of aligned pairs, so that at alpha = {alpha:g} {reach}; {limit or enough}"
    )


def unresolved(
    p: np.ndarray, permutations: int, alpha: float = 0.05, *, symmetric: bool = True, fdr: str = "bh"
) -> np.ndarray:
    """Find the pairs that could not be significant: q would exceed alpha even with the smallest p that K allows.

    Args:
        p: [m, m] p-values; those of all other pairs are taken as they are. NaN, and the diagonal, are not tested.
        permutations: K, as drawn.
        alpha: false discovery rate.
        symmetric: whether (a, b) and (b, a) are one pair.
        fdr: as in `hyle.engine.Inference`.

    Returns:
        Bool [m, m]; False for pairs that are not tested. Cost O(m^2 log m).

    Example:
        >>> p = np.full((20, 20), 0.4)
        >>> int(unresolved(p, 199).sum()), int(unresolved(p, 3799).sum())
        (380, 0)
    """
    m = len(p)
    tested = np.triu(np.ones((m, m), bool), 1) if symmetric else ~np.eye(m, dtype=bool)
    tested &= np.isfinite(p)
    values, found = p[tested], np.zeros((m, m), bool)
    count = len(values)
    if not count:
        return found
    order = np.argsort(values, kind="stable")
    rank = np.arange(1, count + 1)
    # With pair i at the smallest p, those that were before it come one rank later, and q is the smallest of all that
    # have no smaller p.
    later, same = count * values[order] / (rank + 1), count * values[order] / rank
    before = np.minimum.accumulate(np.append(np.inf, later))[:-1]
    after = np.minimum.accumulate(np.append(same, np.inf)[::-1])[::-1][1:]
    best = np.minimum(np.minimum(before, after), count / (permutations + 1))
    attainable = np.empty(count)
    attainable[order] = best
    found[tested] = attainable > level_of_pairs(count, alpha, fdr) * (1 + 1e-9)
    return found | found.T if symmetric else found
