"""What the scores of a comparison are recomputed under: permutations, and samples without jackknife groups."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base import caller_level, check_k
from ..context import CompareConfig
from ..metrics import Metric
from ..permutation import Permutations, draw, draw_blocks, draw_whole_groups
from .groups import labels_of
from .inference import Inference
from .jackknife import draw_jackknife_groups
from .resolution import (
    FEWEST,
    ResolutionWarning,
    count_pairs,
    level_of_pairs,
    permutations_needed,
    resolution_note,
    unresolved,
)

# At most so many are drawn within strata: their p-values are of single pairs.
STRATA_PERMUTATIONS = 200


@dataclass(frozen=True)
class Resamples:
    """The permutations and jackknife groups of a comparison.

    Args:
        permutations: None for none.
        within_strata: permutations within strata, None without strata.
        left_out: rows of each jackknife group, empty for none.
        labels: group of each sample, None without groups.
        strata: stratum of each sample, None without strata.
        draw_more: draws the permutations that a single aligned pair needs, where ``permutations`` are the first of two
            stages; else None.
        note: returns what so many permutations leave open, see `resolution_note`.
    """

    permutations: Permutations | None
    within_strata: Permutations | None
    left_out: list[np.ndarray]
    labels: list[str] | None
    strata: list[str] | None
    draw_more: Callable[[], Permutations] | None
    note: Callable[[Permutations | None], str]


def count_permutations(metrics: Sequence[Metric], m: int, inference: Inference) -> int:
    """Return the number of permutations that are drawn first; 0 without metrics of pairs."""
    if inference.permutations == "auto":
        return FEWEST if count_pairs(metrics, m) else 0
    return int(inference.permutations)


def draw_resamples(
    ids: Sequence[str],
    metrics: Sequence[Metric],
    m: int,
    config: CompareConfig,
    inference: Inference,
    *,
    all_ids: Sequence[str],
) -> Resamples:
    """Draw the permutations and jackknife groups that a comparison asks for.

    Args:
        ids: of the n samples.
        metrics: that are computed.
        m: number of models.
        config: how metrics are computed.
        inference: what is asked for. ``permutations="auto"`` draws the first stage, `FEWEST`.
        all_ids: of all samples where ``ids`` are some of them.

    Raises:
        ValueError: a sample without a group, too few groups, or fewer than k samples without a jackknife group.
    """
    n, seed = len(ids), config.seed
    labels = labels_of(inference.groups, ids, all_ids=all_ids)
    strata = labels_of(inference.strata, ids, name="strata", all_ids=all_ids)
    pairs = count_pairs(metrics, m)
    alpha = level_of_pairs(pairs, inference.alpha, inference.fdr)
    first = count_permutations(metrics, m, inference)
    needed = permutations_needed(pairs, alpha) if inference.permutations == "auto" else first

    def drawn(count: int) -> Permutations:
        if inference.permute == "whole" and labels is not None:
            return draw_whole_groups(labels, count, seed=seed)
        if inference.permute == "blocks" and labels is not None:
            return draw_blocks(labels, count, strata=strata, seed=seed)
        return draw(n, count, groups=labels, seed=seed)

    def note(permutations: Permutations | None) -> str:
        count = 0 if permutations is None else len(permutations)
        units = f" in {len(set(labels))} groups" if labels else ""
        limit = f"no more exist for {n} samples{units}" if count < needed else ""
        directed = [metric.name for metric in metrics if metric.kind == "pair" and not metric.symmetric]
        return resolution_note(pairs, count, alpha, limit=limit, directed=directed)

    left_out: list[np.ndarray] = []
    if inference.jackknife_groups:
        left_out = draw_jackknife_groups(n, inference.jackknife_groups, groups=labels, seed=seed)
        _check_neighbours_left(n - max(len(group) for group in left_out), n, metrics, config)
    permutations = drawn(first) if first else None
    second = strata is not None and inference.permute != "blocks"
    return Resamples(
        permutations,
        draw(n, min(first, STRATA_PERMUTATIONS), groups=strata, seed=seed) if second else None,
        left_out,
        labels,
        strata,
        (lambda: drawn(needed)) if permutations is not None and len(permutations) == first < needed else None,
        note,
    )


def warn_unresolved(note: str) -> None:
    """Warn of what the permutations leave open, if anything."""
    if note:
        warnings.warn(note, ResolutionWarning, stacklevel=caller_level())


def leaves_pairs_open(
    variables: Mapping[str, Any], metrics: Sequence[Metric], permutations: Permutations, inference: Inference
) -> bool:
    """Return whether a pair could not be significant with so many permutations, whatever its p-value."""
    return any(
        unresolved(
            variables[f"{metric.name}_p"][1],
            len(permutations),
            inference.alpha,
            symmetric=metric.symmetric,
            fdr=inference.fdr,
        ).any()
        for metric in metrics
        if metric.kind == "pair"
    )


def _check_neighbours_left(fewest: int, n: int, metrics: Sequence[Metric], config: CompareConfig) -> None:
    needs = {need for metric in metrics for need in metric.needs}
    if "neighbours" in needs:
        check_k(config.k, fewest)
    if "dimension" in needs:
        check_k(config.dimension_neighbours(n), fewest, name="dimension_k")
