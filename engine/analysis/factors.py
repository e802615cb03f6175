"""What shapes a representation: which facts about the models explain their similarity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from ._matrix import CONTROL, alignment_of, model_facts

FACTS = ("modality", "family", "training_data", "architecture")


@dataclass(frozen=True)
class Factor:
    """Share of the variation between models that one fact about them explains.

    Args:
        name: of the fact.
        groups: number of distinct values among the models.
        n: number of models with a value.
        share: of the sum of squared distances, 0 to 1; many small groups explain much by chance alone.
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
    """Explain the distances 1 - alignment between models by each fact separately (PERMANOVA), strongest first.

    Args:
        comparison: result of `hyle.engine.compare`, with the facts as variables over ``model``.
        metric: name of a pair metric in it.
        facts: names of the variables. Facts that all models share, that differ between all models, or that are known
            for fewer than four models are skipped.
        permutations: number of permutations of the labels.
        seed: of the permutations.

    Controls are excluded. Each fact is tested separately: variation that two of them explain together counts for both.
    Facts are sorted by the share that they explain beyond chance.
    Source: Anderson (2001), Austral Ecology 26, 32.
    """
    values = alignment_of(comparison, metric)
    is_model = model_facts(comparison, "modality") != CONTROL
    generator = np.random.default_rng(seed)
    results = []
    for name in facts:
        labels = model_facts(comparison, name)
        kept = np.flatnonzero(is_model & (labels != "") & np.isfinite(values).any(1))
        if len(kept) < 4:
            continue
        squares = (1 - values[np.ix_(kept, kept)]) ** 2
        np.fill_diagonal(squares, 0)
        _, code = np.unique(labels[kept], return_inverse=True)
        count = code.max() + 1
        if not 1 < count < len(kept) or not np.isfinite(squares).all():
            continue
        share = _share(squares, code)
        null = np.array([_share(squares, generator.permutation(code)) for _ in range(permutations)])
        # A permutation that only renames the groups gives the same share up to rounding.
        p = (1 + (null >= share - 1e-12).sum()) / (1 + permutations)
        results.append(Factor(name, int(count), len(kept), share, float(null.mean()), float(p)))
    return sorted(results, key=lambda factor: factor.by_chance - factor.share)


def _share(squares: np.ndarray, code: np.ndarray) -> float:
    """Compute one minus the within-group over the total sum of squares, both from squared distances."""
    same = code[:, None] == code[None, :]
    sizes = np.bincount(code)[code]
    within = (np.where(same, squares, 0).sum(1) / sizes).sum() / 2
    total = squares.sum() / len(code) / 2
    return float(1 - within / total) if total > 0 else 0.0
