"""Which representations carry little information about the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from ..comparison import beside, metric_facts, unresolved
from ._matrix import CONTROL, alignment_of, model_facts

# How much better the others must predict a model than it predicts them, in information imbalance (1: no information).
MIN_IMBALANCE_GAP = 0.1
# Number of directions with nearly all of the variance, below which global scores depend on little else.
MIN_EFFECTIVE_RANK = 2.0
# Information imbalance above which a model predicts nothing, and the share of pairs that may be false positives.
UNINFORMATIVE_IMBALANCE, MAX_FALSE_POSITIVES = 0.8, 0.2
IMBALANCE = "information_imbalance"


@dataclass(frozen=True)
class Information:
    """Information in one representation, compared with those of the other models.

    Args:
        model: its name.
        state: ``unrelated``, ``collapsed``, ``one direction``, or empty.
        dimension: intrinsic dimension; NaN where the Comparison has none.
        effective_rank: number of directions over which the variance is spread, (sum of eigenvalues)^2 / sum of their
            squares.
        repeats: share of the rows that repeat an earlier one, exactly or up to floating-point noise.
        alignment: mean alignment with the other models; NaN where no score is finite.
        imbalance_to_others: mean information imbalance from this model to the others: 0 where its neighbours determine
            theirs, 1 where they carry no information about them; NaN where the Comparison has none.
        imbalance_from_others: mean information imbalance from the others to this model.
    """

    model: str
    state: str
    dimension: float
    effective_rank: float
    repeats: float
    alignment: float
    imbalance_to_others: float
    imbalance_from_others: float


def collapse(comparison: xr.Dataset, metric: str = "cknna", /, *, dimension: str | None = None) -> list[Information]:
    """Measure how much information each representation carries about the others, and name those that carry little.

    The first matching state is reported:

    - ``unrelated``: the imbalance with every other model is above 0.8 in both directions. In a Comparison without
      imbalances: at most a fifth of the model's pairs are significantly above chance, at the level of the Comparison,
      and none of the others lacks the permutations to be.
    - ``collapsed``: the others predict the model better than it predicts them, by more than 0.1 in imbalance, and its
      dimension is below the median of the models (or most of its rows are repetitions).
    - ``one direction``: fewer than two directions carry the variance, so that global scores depend on little else.

    Controls are measured, but they are not among the others.

    Args:
        comparison: result of `hyle.engine.compare`, preferably with ``information_imbalance`` and a dimension.
        metric: name of a pair metric in it, for the alignment.
        dimension: name of the dimension estimate to use; default: the first in the Comparison.

    Raises:
        ValueError: no such pair metric.

    Source: information imbalance, Glielmo et al. (2022), PNAS Nexus 1, pgac039; effective rank as participation ratio,
    Gao et al. (2017), bioRxiv 214262.
    """
    values = alignment_of(comparison, metric)
    names = [str(name) for name in comparison["model"].values]
    m = len(names)
    is_model = model_facts(comparison, "modality") != CONTROL
    other = is_model[None, :] & ~np.eye(m, dtype=bool)
    estimates = [str(name) for name in comparison.data_vars if str(name).startswith("intrinsic_dimension")]
    chosen = dimension or next((name for name in estimates if comparison[name].attrs.get("kind") == "single"), "")
    dimensions, ranks = _single(comparison, chosen), _single(comparison, "effective_rank")
    repeats = _single(comparison, "duplicates") / max(int(comparison.attrs.get("n", 1)), 1)
    imbalance = np.full((m, m), np.nan)
    if IMBALANCE in comparison:
        imbalance = comparison[IMBALANCE].transpose("model", "other").values.astype(np.float64)
    to_others, from_others = (_mean(matrix, other) for matrix in (imbalance, imbalance.T))
    alignment = _mean(values, other)
    unrelated = _all(np.minimum(imbalance, imbalance.T) > UNINFORMATIVE_IMBALANCE, other & np.isfinite(imbalance))
    if f"{metric}_q" in comparison and not np.isfinite(imbalance).any():
        q = comparison[f"{metric}_q"].transpose("model", "other").values
        significant = np.minimum(q, q.T) <= float(comparison.attrs.get("alpha", 0.05))
        undecided = ~significant & _unresolved(comparison, metric)
        unrelated = _mean(np.where(np.isfinite(q), significant, np.nan), other) <= MAX_FALSE_POSITIVES
        unrelated &= ~(undecided & other).any(1)
    median_dimension = np.nanmedian(dimensions[is_model]) if np.isfinite(dimensions[is_model]).any() else np.nan
    results = []
    for i, name in enumerate(names):
        gap = to_others[i] - from_others[i]
        collapsed = gap > MIN_IMBALANCE_GAP and (dimensions[i] < median_dimension or repeats[i] > 0.5)
        state = (
            "unrelated"
            if unrelated[i]
            else "collapsed"
            if collapsed
            else "one direction"
            if ranks[i] < MIN_EFFECTIVE_RANK
            else ""
        )
        numbers = [float(column[i]) for column in (dimensions, ranks, repeats, alignment, to_others, from_others)]
        results.append(Information(name, state, *numbers))
    return results


def _unresolved(comparison: xr.Dataset, metric: str) -> np.ndarray:
    """Return the pairs of models [m, m] that could not be significant with so few permutations in either direction."""
    p = beside(comparison, metric, "p")
    if p is None or not p.attrs.get("permutations"):
        return np.zeros((comparison.sizes["model"],) * 2, bool)
    design = p.attrs
    found = unresolved(
        p.transpose("model", "other").values.astype(np.float64),
        int(design["permutations"]),
        float(design.get("alpha", 0.05)),
        symmetric=metric_facts(comparison, metric).symmetric,
        fdr=str(design.get("fdr", "bh")),
    )
    return found & found.T


def _single(comparison: xr.Dataset, name: str) -> np.ndarray:
    if name not in comparison.variables:
        return np.full(comparison.sizes["model"], np.nan)
    return np.asarray(comparison[name].values, np.float64)


def _mean(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    where = where & np.isfinite(values)
    count = where.sum(1)
    return np.where(count > 0, np.where(where, values, 0).sum(1) / np.maximum(count, 1), np.nan)


def _all(true: np.ndarray, where: np.ndarray) -> np.ndarray:
    return np.asarray(where.any(1) & (true | ~where).all(1))
