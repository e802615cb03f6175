"""Scores as shares of a noise ceiling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from ..base import InputError
from ..comparison import beside, jackknife_design, jackknife_interval, metric_facts, pair_values, unresolved
from .pairs import both_ways, index_of_pair


def ceiling_shares(comparison: xr.Dataset, metric: str, ceiling: Sequence[str], /) -> xr.Dataset:
    """Compute each score as a share of a noise ceiling: how far it is from chance to the score of two like models.

    The ceiling is the score of two models that ought to agree as far as any two can, such as two trainings of one
    architecture on the same data. With it c, chance level u and score s, the share is (s - u) / (c - u): 0 at chance, 1
    at the ceiling, and above 1 for pairs that agree better.

    Args:
        comparison: result of ``hyle.engine.compare``; with ``jackknife_groups=20, keep_resamples=True`` the shares have
            intervals. Chance levels are the means under permutation where there are any, else in closed form.
        metric: name of a pair metric in it.
        ceiling: names of the two models.

    Returns:
        Data set over ``model`` and ``other`` with ``share``, ``share_se``, ``share_low``, ``share_high``; the chance
        levels are held fixed in the intervals. The attributes have the ceiling's score and its pair.

    Raises:
        ValueError: no such metric or models, no chance level, or a ceiling that is not above chance: not
            significantly, where permutations were drawn.
    """
    facts = metric_facts(comparison, metric)
    at = index_of_pair(comparison, ceiling)
    chance = beside(comparison, metric, "null", "chance")
    if chance is None:
        raise InputError(f"{metric} has no chance level: ask for permutations")
    level = facts.sign * both_ways(chance.broadcast_like(comparison[metric]))
    score = facts.sign * both_ways(comparison[metric])
    top = score[at] - level[at]
    if not np.isfinite(top):
        raise InputError(f"{metric} of the ceiling {'-'.join(ceiling)} is not defined: is an embedding constant?")
    if not top > 0:
        raise InputError(f"{metric} of the ceiling {'-'.join(ceiling)} is not above its chance level")
    _check_significant(comparison, metric, ceiling, at)
    share = (score - level) / top
    ends = [np.full(share.shape, np.nan)] * 3
    kept = beside(comparison, metric, "jackknife_values")
    if kept is not None:
        without = facts.sign * both_ways(kept)
        tops = without[:, at[0], at[1]] - level[at]
        ends = list(
            jackknife_interval(share, (without - level) / tops[:, None, None], **jackknife_design(comparison, metric))
        )
    for matrix in (share, *ends):
        np.fill_diagonal(matrix, np.nan)
    names = ("share", "share_se", "share_low", "share_high")
    coords = {dim: comparison[dim].values for dim in ("model", "other")}
    attributes = {"metric": metric, "ceiling": float(facts.sign * score[at]), "ceiling_pair": list(map(str, ceiling))}
    return xr.Dataset(
        {name: (("model", "other"), matrix) for name, matrix in zip(names, (share, *ends), strict=True)},
        coords=coords,
        attrs=attributes,
    )


def _check_significant(comparison: xr.Dataset, metric: str, ceiling: Sequence[str], at: tuple[int, int]) -> None:
    """Check that the ceiling is significantly above chance in both directions; shares of anything else are noise.

    Raises:
        InputError: q > alpha; without permutations nothing is checked.
    """
    q, tested = pair_values(comparison, metric, "q"), beside(comparison, metric, "p")
    largest = max((float(value) for value in (q[at], q[at[::-1]]) if np.isfinite(value)), default=float("nan"))
    if tested is None or not largest > tested.attrs["alpha"]:
        return
    p, alpha, drawn = pair_values(comparison, metric, "p"), tested.attrs["alpha"], int(tested.attrs["permutations"])
    symmetric, pair = bool(np.array_equal(p, p.T, equal_nan=True)), "-".join(ceiling)
    undecided = unresolved(p, drawn, alpha, symmetric=symmetric, fdr=tested.attrs.get("fdr", "bh"))
    if undecided[at] or undecided[at[::-1]]:
        raise InputError(
            f"{metric} of the ceiling {pair} cannot be significantly above chance with {drawn} permutations: draw more"
        )
    raise InputError(
        f"{metric} of the ceiling {pair} is not significantly above chance (q = {largest:.2g} > {alpha:g}): name two "
        "models that ought to agree, or leave out the metric"
    )
