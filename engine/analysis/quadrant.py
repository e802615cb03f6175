"""The study's diagnosis of a model: whether it performs well, and whether it is aligned with other models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base import InputError
from .families import MIN_FAMILIES, family_codes, family_means

# Lowest probability at which a quadrant is reported.
LEVEL = 0.8
# (performs better, is more aligned) than the median of the panel -> the study's name.
NAMES = {
    (True, True): "foundational",
    (True, False): "local optimum",
    (False, True): "missing information",
    (False, False): "sub-optimal",
}


@dataclass(frozen=True)
class Quadrant:
    """Position of a model relative to the medians of a panel of reference models.

    Args:
        name: one of the values of `NAMES`; None where no quadrant is likely enough to be reported.
        probability: of each quadrant; they sum to 1.
        better: probability that the model performs better than the median of the panel.
        aligned: probability that it is more aligned than the median.
        median: median over families of the mean performance and mean alignment of each.
        models: number of models in the panel.
        families: number of families in the panel.
    """

    name: str | None
    probability: Mapping[str, float]
    better: float
    aligned: float
    median: tuple[float, float]
    models: int
    families: int


def quadrant(
    own: tuple[float, float],
    panel: Any,
    /,
    *,
    own_se: tuple[float, float] = (0.0, 0.0),
    panel_se: Any = None,
    families: Any = None,
    higher_is_better: bool = True,
    draws: int = 10_000,
    seed: int = 0,
) -> Quadrant:
    """Classify a model by the study's rule, with the probability of each quadrant.

    A model that is better and more aligned than the median of the panel is *foundational*. Better only is an over-fit
    *local optimum*, more aligned only is *missing information* that the panel does not have either, and neither is
    *sub-optimal*.

    Each draw adds normal errors to all numbers, resamples the families of the panel, because the median of few of them
    is itself uncertain, and takes one model of each. A family with many models counts once. Errors of models on the
    same samples are correlated; they are treated as independent, which is conservative. The result does not extend to
    models or samples of another kind.

    Args:
        own: performance and alignment of the model.
        panel: [m, 2], performance and alignment of the other models; models without one of the two are excluded.
        own_se: standard errors of ``own``; NaN counts as 0.
        panel_se: [m, 2], standard errors of ``panel``; default 0.
        families: [m] names of families, empty for a family of its own; default: each model is a family of its own.
        higher_is_better: False where performance is an error.
        draws: number of resamples.
        seed: of the resampling.

    Raises:
        ValueError: models of fewer than six families of the panel have both numbers, or the model has not.

    Source: Edamadaka et al. (2025), arXiv 2512.03750.

    Example:
        >>> panel = [[0.1, 0.8], [0.2, 0.7], [0.3, 0.5], [0.4, 0.6], [0.5, 0.2], [0.6, 0.1]]
        >>> quadrant((0.05, 0.9), panel, own_se=(0.02, 0.05), higher_is_better=False).name
        'foundational'
    """
    values = np.asarray(panel, np.float64).reshape(-1, 2)
    errors = np.zeros_like(values) if panel_se is None else np.nan_to_num(np.asarray(panel_se, np.float64))
    complete = np.asarray(np.isfinite(values).all(1))
    values, errors = values[complete], errors.reshape(-1, 2)[complete]
    m = len(values)
    codes = family_codes(families, len(complete))[complete]
    sizes = np.unique(codes, return_counts=True)[1]
    if len(sizes) < MIN_FAMILIES:
        raise InputError(
            f"{m} models of {len(sizes)} families of the panel have performance and alignment, and at least "
            f"{MIN_FAMILIES} families are needed"
        )
    if not np.isfinite(own).all():
        raise InputError(f"the model needs performance and alignment to be diagnosed; got {own[0]:g} and {own[1]:g}")
    generator = np.random.default_rng(seed)
    drawn = generator.integers(0, len(sizes), (draws, len(sizes)))
    member = (generator.random(drawn.shape) * sizes[drawn]).astype(np.int64)
    chosen = np.argsort(codes, kind="stable")[np.concatenate([[0], np.cumsum(sizes)[:-1]])[drawn] + member]
    panel_draws = values[chosen] + errors[chosen] * generator.normal(size=(*chosen.shape, 2))
    own_draws = np.asarray(own) + np.nan_to_num(np.asarray(own_se)) * generator.normal(size=(draws, 2))
    difference = (own_draws - np.median(panel_draws, 1)) * (1 if higher_is_better else -1, 1)
    better, aligned = difference.T > 0
    probability = {name: float(((better == b) & (aligned == a)).mean()) for (b, a), name in NAMES.items()}
    likeliest = max(probability, key=lambda name: probability[name])
    median = np.median(family_means(values.T, codes), 1)
    return Quadrant(
        likeliest if probability[likeliest] >= LEVEL else None,
        probability,
        float(better.mean()),
        float(aligned.mean()),
        (float(median[0]), float(median[1])),
        m,
        len(sizes),
    )
