"""Differences between the scores of two pairs of models on the same samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from ..base import InputError
from ..comparison import beside, jackknife_design, jackknife_freedom, jackknife_interval, metric_facts, permuted_second
from .alignment_profile import Estimate
from .pairs import index_of_pair, jackknife_values, of_pair, paired_difference, rounding_of, two_sided_p


class PairDifference(NamedTuple):
    """The score of one pair of models minus that of another, on the same samples.

    Args:
        metric: its name.
        first: names of the models of the first pair.
        second: names of the models of the second pair.
        scores: of the two pairs, both directions averaged.
        chance: the mean difference under permutation, NaN without permutations: the chance levels of two pairs differ
            where their models have different numbers of columns.
        difference: first - second, with its standard error and 95 % interval.
        p: two-sided, of the hypothesis that both pairs have the same score over all samples of this kind; NaN where the
            difference is not 0 and the same without every jackknife group.
        p_unrelated: two-sided, of the hypothesis that neither pair has anything in common; NaN without permutations,
            and where these move the model that both pairs share in one of the pairs only, see `pair_difference`.
    """

    metric: str
    first: tuple[str, str]
    second: tuple[str, str]
    scores: tuple[float, float]
    chance: float
    difference: Estimate
    p: float
    p_unrelated: float


def pair_difference(
    comparison: xr.Dataset, metric: str, first: Sequence[str], second: Sequence[str], /
) -> PairDifference:
    """Test whether two pairs of models are equally aligned, for example whether A is nearer to B than to C.

    Scores of the same samples vary together, so the standard error of their difference is taken part by part from the
    delete-a-group jackknife and is not that of two independent scores. `p` is from Student's distribution with the
    degrees of freedom of the interval, g - 1 for g equal groups; differences within rounding are 0. Permuted samples
    cannot give it: under permutation both pairs are unrelated, and the differences of unrelated pairs vary much less
    than those of aligned pairs. What they do give is `p_unrelated`.

    Its null distribution is that of both scores under one permutation, under which they vary together as the two models
    do that are compared with the third. One model of each pair is permuted (``permutation_order``), so that this holds
    where the model that both pairs share is permuted in both, or fixed in both. Where it is permuted in one pair only,
    it moves against the other models in opposite directions, and `p_unrelated` is NaN: among models whose rows do not
    repeat, where the name of the shared model sorts between the two others. Of pairs that share no model, the two
    permuted models move together against the two fixed ones.

    Args:
        comparison: result of ``hyle.engine.compare(jackknife_groups=20, permutations=200, keep_resamples=True)``; the
            permutations may be omitted.
        metric: name of a pair metric in it.
        first: names of two models.
        second: names of two models; the pairs may share one.

    Raises:
        ValueError: no such metric or models, a pair of a model with itself, two equal pairs, or a Comparison that keeps
            no jackknife values.

    Source: Efron & Stein (1981), Ann. Stat. 9, 586; Kott (2001), J. Official Statistics 17, 521.
    """
    facts = metric_facts(comparison, metric)
    rows = [index_of_pair(comparison, pair) for pair in (first, second)]
    if set(rows[0]) == set(rows[1]):
        raise InputError(f"{'-'.join(first)} and {'-'.join(second)} are the same pair")
    values = [of_pair(comparison[metric], row) for row in rows]
    replicates = np.array([of_pair(jackknife_values(comparison, metric), row) for row in rows])
    value = float(paired_difference(values[0], values[1], facts))
    without = paired_difference(replicates[0], replicates[1], facts)
    design = jackknife_design(comparison, metric)
    se, low, high = (float(end) for end in jackknife_interval(np.asarray(value), without, **design))
    null = beside(comparison, metric, "null_samples")
    chance = p_unrelated = float("nan")
    if null is not None:
        draws = paired_difference(of_pair(null, rows[0]), of_pair(null, rows[1]), facts)
        chance = float(draws.mean())
        # Both tails, from the centre of the score and its draws, to which all contribute alike.
        centre = (value + draws.sum()) / (1 + len(draws))
        margin = rounding_of(*values, facts=facts)
        extreme = np.abs(draws - centre) >= np.abs(value - centre) - margin
        if np.isfinite(centre) and _under_one_permutation(comparison, *rows):
            p_unrelated = float((1 + extreme.sum()) / (1 + len(draws)))
    names = [(str(pair[0]), str(pair[1])) for pair in (first, second)]
    freedom = jackknife_freedom(design.get("sizes", np.ones(len(without))))
    return PairDifference(
        metric,
        names[0],
        names[1],
        (float(values[0]), float(values[1])),
        chance,
        Estimate(value, se, low, high, freedom),
        two_sided_p(value, se, freedom),
        p_unrelated,
    )


def _under_one_permutation(comparison: xr.Dataset, first: tuple[int, int], second: tuple[int, int]) -> bool:
    """Return whether the null samples of two pairs are those of one permutation of some of the models."""
    permuted = permuted_second(comparison)
    if permuted is None:
        return False
    shared = set(first) & set(second)
    moves = {bool(permuted[other, model]) for model in shared for other in {*first, *second} - shared}
    return len(moves) <= 1
