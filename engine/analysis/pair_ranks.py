"""Between which ranks the score of each pair of models lies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from ..comparison import jackknife_design, jackknife_freedom, jackknife_interval, metric_facts
from .pairs import both_ways, jackknife_values, paired_difference, two_sided_p


def rank_intervals(comparison: xr.Dataset, metric: str, /, *, level: float = 0.95) -> xr.Dataset:
    """Compute between which ranks the score of each pair of models lies, 1 for the most aligned pair.

    A pair ranks below each pair that is significantly more aligned, and above each that is significantly less aligned,
    by the test of `pair_difference` with Holm's correction for the number of other pairs. Each interval covers the
    rank of its pair with the stated probability; it does not say so of all pairs at once. Scores within rounding of
    each other have the same rank.

    Args:
        comparison: result of ``hyle.engine.compare(jackknife_groups=20, keep_resamples=True)``.
        metric: name of a pair metric in it.
        level: confidence level, between 0 and 1.

    Returns:
        Data set over ``model`` and ``other`` with ``rank``, ``rank_low``, ``rank_high``; NaN on the diagonal and for
        scores that are not defined. Cost O(g P^2) for P pairs and g jackknife groups.

    Raises:
        ValueError: no such pair metric, or a Comparison that keeps no jackknife values.

    Source: Mogstad, Romano, Shaikh & Wilhelm (2024), Rev. Econ. Stud. 91, 476; Holm (1979), Scand. J. Stat. 6, 65.
    """
    facts = metric_facts(comparison, metric)
    m = comparison.sizes["model"]
    upper = np.triu_indices(m, 1)
    score = facts.sign * both_ways(comparison[metric])[upper]
    without = facts.sign * both_ways(jackknife_values(comparison, metric))[:, upper[0], upper[1]]
    design = jackknife_design(comparison, metric)
    freedom = jackknife_freedom(design.get("sizes", np.ones(len(without))))
    defined = np.flatnonzero(np.isfinite(score) & np.isfinite(without).all(0))
    ranks = np.full((3, len(score)), np.nan)
    for i in defined:
        others = defined[defined != i]
        difference = paired_difference(score[others], score[i], facts)
        se, *_ = jackknife_interval(
            difference, paired_difference(without[:, others], without[:, i : i + 1], facts), **design
        )
        significant = _holm([two_sided_p(*each, freedom) for each in zip(difference, se, strict=True)], 1 - level)
        better, worse = significant & (difference > 0), significant & (difference < 0)
        ranks[:, i] = 1 + (difference > 0).sum(), 1 + better.sum(), 1 + len(others) - worse.sum()
    matrices = np.full((3, m, m), np.nan)
    matrices[:, upper[0], upper[1]] = matrices[:, upper[1], upper[0]] = ranks
    dims, coords = ("model", "other"), {dim: comparison[dim].values for dim in ("model", "other")}
    attributes = {"metric": metric, "level": level, "pairs": len(defined)}
    names = ("rank", "rank_low", "rank_high")
    return xr.Dataset(
        {name: (dims, matrix) for name, matrix in zip(names, matrices, strict=True)}, coords=coords, attrs=attributes
    )


def _holm(p: Sequence[float], alpha: float) -> np.ndarray:
    """Return which hypotheses Holm's procedure rejects."""
    values = np.asarray(p)
    order = np.argsort(values)
    passed = values[order] <= alpha / np.arange(len(values), 0, -1)
    rejected = np.zeros(len(values), bool)
    rejected[order] = np.logical_and.accumulate(passed)
    return rejected
