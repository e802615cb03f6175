"""Which representations hold little of what the others hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from ._matrix import alignment_of, labels_of

# How much better the others must foretell a model than it foretells them: information imbalance, 1 is nothing.
MIN_IMBALANCE_GAP = 0.1
# Directions that hold nearly all of the variance, below which global scores see little else.
MIN_EFFECTIVE_RANK = 2.0
# Information imbalance above which a model foretells nothing, and the share of pairs that may be told by mistake.
UNINFORMATIVE_IMBALANCE, MAX_FALSE_POSITIVES = 0.8, 0.2
IMBALANCE = "information_imbalance"


@dataclass(frozen=True)
class Information:
    """What one representation holds, beside those of the other models.

    Args:
        model: its name.
        state: ``unrelated``, ``collapsed``, ``one direction``, or empty.
        dimension: intrinsic; NaN where the Comparison has none.
        effective_rank: directions that the variance is spread over, (sum of eigenvalues)^2 / sum of their squares.
        repeats: share of the rows that repeat an earlier one.
        alignment: mean alignment to the other models; NaN without the metric.
        imbalance_to_others: mean information imbalance from it to the others, 0 where their neighbours follow from its
            own and 1 where nothing does; NaN where the Comparison has none.
        imbalance_from_others: the same from the others to it.
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
    """Measure how much each representation holds of the others, and name those that hold little.

    ``unrelated``: its imbalance with every other model is above 0.8 both ways; in a Comparison without imbalances no
    more than a fifth of its pairs are told from chance. ``collapsed``: the others foretell it by 0.1 better than it
    foretells them, and its dimension is below the median of the models (or most of its rows repeat others). ``one
    direction``: fewer than two directions hold the variance, so that global scores see little else. The first that
    holds is told. Controls are measured, and are not among the others.

    Args:
        comparison: as `hyle.engine.compare` gives it, best with ``information_imbalance`` and a dimension.
        metric: a pair metric of it, for the alignment.
        dimension: which estimate; default the first that there is.

    Raises:
        ValueError: no such pair metric.

    Source: information imbalance, Glielmo et al. (2022), PNAS Nexus 1, pgac039; effective rank as participation ratio,
    Gao et al. (2017), bioRxiv 214262.
    """
    values = alignment_of(comparison, metric)
    names = [str(name) for name in comparison["model"].values]
    m = len(names)
    real = labels_of(comparison, "modality") != "control"
    other = real[None, :] & ~np.eye(m, dtype=bool)
    estimates = [str(name) for name in comparison.data_vars if str(name).startswith("intrinsic_dimension")]
    chosen = dimension or next((name for name in estimates if comparison[name].attrs.get("kind") == "single"), "")
    dimensions, ranks = _single(comparison, chosen), _single(comparison, "effective_rank")
    repeats = _single(comparison, "duplicates") / max(int(comparison.attrs.get("n", 1)), 1)
    imbalance = np.full((m, m), np.nan)
    if IMBALANCE in comparison:
        imbalance = comparison[IMBALANCE].transpose("model", "other").values.astype(np.float64)
    to, back = (_mean(matrix, other) for matrix in (imbalance, imbalance.T))
    alignment = _mean(values, other)
    alone = _all(np.minimum(imbalance, imbalance.T) > UNINFORMATIVE_IMBALANCE, other & np.isfinite(imbalance))
    if f"{metric}_q" in comparison and not np.isfinite(imbalance).any():
        q = comparison[f"{metric}_q"].transpose("model", "other").values
        told = np.minimum(q, q.T) <= float(comparison.attrs.get("alpha", 0.05))
        alone = _mean(np.where(np.isfinite(q), told, np.nan), other) <= MAX_FALSE_POSITIVES
    usual = np.nanmedian(dimensions[real]) if np.isfinite(dimensions[real]).any() else np.nan
    found = []
    for i, name in enumerate(names):
        poor = to[i] - back[i] > MIN_IMBALANCE_GAP and (dimensions[i] < usual or repeats[i] > 0.5)
        state = (
            "unrelated"
            if alone[i]
            else "collapsed"
            if poor
            else "one direction"
            if ranks[i] < MIN_EFFECTIVE_RANK
            else ""
        )
        numbers = [float(column[i]) for column in (dimensions, ranks, repeats, alignment, to, back)]
        found.append(Information(name, state, *numbers))
    return found


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
