"""What shapes a representation: which facts of the models explain who is alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from ._matrix import alignment_of, labels_of

FACTS = ("modality", "family", "training_data", "architecture")


@dataclass(frozen=True)
class Factor:
    """How much of the variation between models one of their facts explains.

    Args:
        name: of the fact.
        groups: how many values it has among the models.
        n: models that have it.
        share: of the sum of squared distances, 0 to 1; many groups of few models explain much by chance alone.
        by_chance: the mean share over permutations of the labels.
        p: by permutation of the labels.
    """

    name: str
    groups: int
    n: int
    share: float
    by_chance: float
    p: float


def factors(
    comparison: xr.Dataset,
    metric: str = "cknna",
    /,
    *,
    facts: Sequence[str] = FACTS,
    permutations: int = 999,
    seed: int = 0,
) -> list[Factor]:
    """Explain the distances 1 - alignment between models by each fact alone (PERMANOVA), the strongest first.

    Args:
        comparison: as `hyle.engine.compare` gives it, with the facts as variables over ``model``.
        metric: a pair metric of it.
        facts: which; those that all models share or that tell every model apart are left out.
        permutations: of the labels.
        seed: of the permutations.

    Controls take no part. Each fact is taken alone: what two of them explain together counts for both.
    Source: Anderson (2001), Austral Ecology 26, 32.
    """
    values = alignment_of(comparison, metric)
    real = labels_of(comparison, "modality") != "control"
    generator = np.random.default_rng(seed)
    found = []
    for name in facts:
        labels = labels_of(comparison, name)
        kept = np.flatnonzero(real & (labels != "") & np.isfinite(values).any(1))
        if len(kept) < 4:
            continue
        squares = (1 - values[np.ix_(kept, kept)]) ** 2
        np.fill_diagonal(squares, 0)
        _, code = np.unique(labels[kept], return_inverse=True)
        count = code.max() + 1
        if not 1 < count < len(kept) or not np.isfinite(squares).all():
            continue
        share = _share(squares, code)
        drawn = np.array([_share(squares, generator.permutation(code)) for _ in range(permutations)])
        # A permutation that is another name of the same groups is equal but for rounding.
        p = (1 + (drawn >= share - 1e-12).sum()) / (1 + permutations)
        found.append(Factor(name, int(count), len(kept), share, float(drawn.mean()), float(p)))
    return sorted(found, key=lambda factor: factor.by_chance - factor.share)


def _share(squares: np.ndarray, code: np.ndarray) -> float:
    """One minus the sum of squares within groups over that of all; sums of squares from distances."""
    same = code[:, None] == code[None, :]
    sizes = np.bincount(code)[code]
    within = (np.where(same, squares, 0).sum(1) / sizes).sum() / 2
    total = squares.sum() / len(code) / 2
    return float(1 - within / total) if total > 0 else 0.0
