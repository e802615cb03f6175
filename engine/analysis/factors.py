"""What shapes a representation: which facts about the models explain their similarity."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from ._matrix import CONTROL, alignment_of, model_facts
from .families import LEVEL, MIN_FAMILIES, PERMUTATIONS, complete_families, families_of, family_pair_means
from .family_pairs import explained_by_chance, regress_pairs

FAMILY = "family"
FACTS = ("modality", "trained_on", "architecture", FAMILY)


@dataclass(frozen=True)
class Factor:
    """Share of the variation between families of models that one fact about them explains.

    Args:
        name: of the fact.
        groups: number of distinct values among the models.
        n: number of models with a value.
        share: of the variation of the alignment over pairs of families, 0 to 1. For the family itself: over pairs of
            models, as a description.
        by_chance: the mean share over permutations of the families; NaN where nothing is permuted.
        p: two-sided, by permutation of the families; NaN where `untested` names a reason.
        families: number of families.
        difference: mean alignment of pairs with the same value minus that of pairs with different values.
        low: lower end of its 95 % interval, the differences that the same test does not reject; NaN where `untested`
            names a reason.
        high: upper end.
        given_others: p given all other facts, by regression on them; NaN where these explain the fact or nothing is
            tested.
        smallest_p: the smallest p that these families and values can give.
        coincides: names of other facts that split the families in the same way and cannot be separated from this one.
        alone: values that a single family has, as "VALUE = FAMILY": they cannot be separated from that family.
        untested: why there is no p; empty where there is one.
    """

    name: str
    groups: int
    n: int
    share: float
    by_chance: float
    p: float
    families: int
    difference: float
    low: float
    high: float
    given_others: float
    smallest_p: float
    coincides: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()
    untested: str = ""


def factors(
    comparison: xr.Dataset,
    metric: str = "cknna",
    /,
    *,
    facts: Sequence[str] = FACTS,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> list[Factor]:
    """Explain the alignment of models by facts about them: the tested facts first, each by its share beyond chance.

    The alignment of two models is regressed on whether they have the same value of the fact, over pairs of different
    families, and the families are permuted; see `family_pairs`. Models of one family that differ in a fact count as a
    share of pairs with the same value. A fact is not tested

    - for fewer than six families, or where its values cannot give p <= 0.05, such as one family against all others;
    - where it coincides with another fact, or where no two families share a value;
    - if it is the family, which is the unit of every test.

    Args:
        comparison: result of `hyle.engine.compare`, with the facts as variables over ``model``. ``trained_on`` contains
            the names of the training sets of a model as one text.
        metric: name of a pair metric in it.
        facts: names of the variables. Facts that all models share, that differ between all models, or that are known
            for fewer than four models are skipped.
        permutations: number of permutations of the families; up to seven families all are enumerated.
        seed: of the permutations.

    Controls are excluded. Each fact is tested alone, where variation that two of them explain together counts for
    both, and given all others.
    Source: Dekker, Krackhardt & Snijders (2007), Psychometrika 72, 563.
    """
    values = alignment_of(comparison, metric)
    codes, labels = families_of(comparison), {name: model_facts(comparison, name) for name in facts}
    names, models = model_facts(comparison, FAMILY), [str(name) for name in comparison["model"].values]
    owners = np.array([family or model for family, model in zip(names, models, strict=True)])
    usable = (model_facts(comparison, "modality") != CONTROL) & np.isfinite(values).any(1)
    values = np.where(usable[:, None] & usable, values, np.nan)
    known = {name: usable & (of_models != "") for name, of_models in labels.items()}
    counts = {name: len(set(labels[name][known[name]])) for name in facts}
    used = [name for name in facts if known[name].sum() > 3 and 1 < counts[name] < known[name].sum()]
    same = {name: _same(labels[name], known[name]) for name in used}
    results = []
    for name in used:
        n = int(known[name].sum())
        families = len(set(codes[known[name]].tolist()))
        if name == FAMILY:
            share, difference = _within_families(values, same[name])
            result = Factor(
                name, counts[name], n, share, math.nan, math.nan, families, difference, *(math.nan,) * 3, 1.0
            )
            results.append(dataclasses.replace(result, untested="the family is the unit of every test"))
            continue
        test = regress_pairs(values, same[name], codes, permutations=permutations, seed=seed)
        share, by_chance = explained_by_chance(values, same[name], codes, permutations=permutations, seed=seed)
        coincides = _coinciding(name, same, codes)
        alone = _alone(labels[name][known[name]], owners[known[name]])
        untested = _reason(test.families, test.smallest_p, test.value, coincides)
        others = [matrix for other, matrix in same.items() if other not in (name, FAMILY, *coincides)]
        given = math.nan
        if not untested and others:
            test_given = regress_pairs(
                values, same[name], codes, covariates=others, permutations=permutations, seed=seed
            )
            given = test_given.p
        low, high, p = (math.nan,) * 3 if untested else (test.low, test.high, test.p)
        results.append(
            Factor(
                name,
                counts[name],
                n,
                share,
                by_chance,
                p,
                families,
                test.value,
                low,
                high,
                given,
                test.smallest_p,
                coincides,
                alone,
                untested,
            )
        )
    return sorted(results, key=lambda factor: (bool(factor.untested), np.nan_to_num(factor.by_chance) - factor.share))


def _same(labels: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return whether two models have the same value [m, m], NaN where one of the values is unknown."""
    return np.where(known[:, None] & known, (labels[:, None] == labels).astype(np.float64), np.nan)


def _within_families(values: np.ndarray, same: np.ndarray) -> tuple[float, float]:
    """Return the share over pairs of models that the family explains, and the difference of the two means."""
    pairs = np.triu_indices(len(values), 1)
    y, x = values[pairs], same[pairs]
    valid = np.isfinite(y) & np.isfinite(x)
    y, x = y[valid], x[valid]
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return math.nan, math.nan
    return float(np.corrcoef(x, y)[0, 1] ** 2), float(y[x == 1].mean() - y[x == 0].mean())


def _coinciding(name: str, same: Mapping[str, np.ndarray], codes: np.ndarray) -> tuple[str, ...]:
    """Return the other facts whose values split the families, where both are known, as this one does."""
    own, pairs = family_pair_means(same[name], codes), []
    for other, matrix in same.items():
        if other in (name, FAMILY):
            continue
        rival = family_pair_means(matrix, codes)
        kept = complete_families([own, rival])
        upper = np.triu_indices(len(kept), 1)
        a, b = (one[np.ix_(kept, kept)][upper] for one in (own, rival))
        if len(kept) > 2 and np.ptp(a) > 0 and np.allclose(a, b):
            pairs.append(other)
    return tuple(pairs)


def _alone(labels: np.ndarray, owners: np.ndarray) -> tuple[str, ...]:
    """Return the values that a single family has, and no other value with them."""
    return tuple(
        f"{value} = {owners[labels == value][0]}"
        for value in dict.fromkeys(labels.tolist())
        if len(set(owners[labels == value])) == 1 and len(set(labels[owners == owners[labels == value][0]])) == 1
    )


def _reason(families: int, smallest_p: float, difference: float, coincides: Sequence[str]) -> str:
    """Return why a fact is not tested; empty where it is."""
    if coincides:
        return f"not separable from {' and '.join(coincides)}"
    if families < MIN_FAMILIES:
        return f"{families} families, and at least {MIN_FAMILIES} are needed"
    if math.isnan(difference):
        return "not separable from the family: no two families have the same value, or all have"
    if smallest_p > LEVEL:
        return f"{families} families with these values can give no p below {smallest_p:.2g}"
    return ""
