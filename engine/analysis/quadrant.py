"""The study's diagnosis of a model: whether it performs well, and whether it sees matter as others do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base import InputError

# Models, at least, that have a middle worth the name.
MIN_MODELS = 5
# The probability from which a quadrant is told.
LEVEL = 0.8
# Whether it performs and aligns better than the middle of the panel -> how the study calls it.
NAMES = {
    (True, True): "foundational",
    (True, False): "local optimum",
    (False, True): "missing information",
    (False, False): "sub-optimal",
}


@dataclass(frozen=True)
class Quadrant:
    """Where a model stands against the middle of a panel.

    Args:
        name: one of `NAMES`, None where no quadrant is likely enough to be told.
        probability: of each quadrant; they sum to 1.
        better: probability that it performs better than the median of the panel.
        aligned: that it is more aligned.
        median: performance and alignment of the panel.
        models: in the panel.
    """

    name: str | None
    probability: Mapping[str, float]
    better: float
    aligned: float
    median: tuple[float, float]
    models: int


def quadrant(
    own: tuple[float, float],
    panel: Any,
    /,
    *,
    own_se: tuple[float, float] = (0.0, 0.0),
    panel_se: Any = None,
    higher_is_better: bool = True,
    draws: int = 10_000,
    seed: int = 0,
) -> Quadrant:
    """Diagnose a model by the study's rule, and say how sure that is.

    Better and more aligned than the median of the panel is *foundational*, better alone an over-fit *local optimum*,
    more aligned alone *missing information* that the panel lacks too, and neither *sub-optimal*.

    Each draw adds normal errors to all numbers and resamples the models of the panel, whose middle is itself uncertain
    when they are few. Errors of models on the same samples go together; they are taken as independent, which makes the
    answer more careful than it need be. Nothing is said of models or samples of another kind.

    Args:
        own: performance and alignment of the model.
        panel: [m, 2], the same of the others; those that lack one of both are left out.
        own_se: standard errors of both; NaN counts as none.
        panel_se: [m, 2], those of the others; default none.
        higher_is_better: False where performance is an error.
        draws: of the resampling.
        seed: of it.

    Raises:
        ValueError: fewer than five others have both, or the model lacks one.

    Source: Edamadaka et al. (2025), arXiv 2512.03750.

    Example:
        >>> panel = [[0.1, 0.8], [0.2, 0.7], [0.3, 0.5], [0.4, 0.6], [0.5, 0.2], [0.6, 0.1]]
        >>> quadrant((0.05, 0.9), panel, own_se=(0.02, 0.05), higher_is_better=False).name
        'foundational'
    """
    values = np.asarray(panel, np.float64).reshape(-1, 2)
    errors = np.zeros_like(values) if panel_se is None else np.nan_to_num(np.asarray(panel_se, np.float64))
    known = np.isfinite(values).all(1)
    values, errors = values[known], errors.reshape(-1, 2)[known]
    m = len(values)
    if m < MIN_MODELS:
        raise InputError(
            f"{m} models of the panel have performance and alignment, and at least {MIN_MODELS} are needed"
        )
    if not np.isfinite(own).all():
        raise InputError(f"the model needs performance and alignment to be diagnosed; got {own[0]:g} and {own[1]:g}")
    generator = np.random.default_rng(seed)
    chosen = generator.integers(0, m, (draws, m))
    others = values[chosen] + errors[chosen] * generator.normal(size=(draws, m, 2))
    one = np.asarray(own) + np.nan_to_num(np.asarray(own_se)) * generator.normal(size=(draws, 2))
    apart = (one - np.median(others, 1)) * (1 if higher_is_better else -1, 1)
    better, aligned = apart.T > 0
    shares = {name: float(((better == b) & (aligned == a)).mean()) for (b, a), name in NAMES.items()}
    likely = max(shares, key=lambda name: shares[name])
    middle = np.median(values, 0)
    return Quadrant(
        likely if shares[likely] >= LEVEL else None,
        shares,
        float(better.mean()),
        float(aligned.mean()),
        (float(middle[0]), float(middle[1])),
        m,
    )
