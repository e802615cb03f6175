"""Agreement of models within and across kinds of input."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...comparison import CONTROL, modalities, model_names, read_scores
from ..plan import StudyResult, StudyResults
from ..statistics import FLAT, across, families, mean_across, of_kind
from ..statistics import same_kind as same_kind_of
from ..verdict import Estimate
from .finding import Finding, behind, mean_of, num, shown

# Reported between vision and language: a share of 10 nearest neighbours among 1,024 samples (Huh et al. 2024).
VISION_LANGUAGE, OF_SAMPLES = 0.16, 1024
NEIGHBOURS, JACKKNIFE_GROUPS = 10, 20
# Redraws of as many molecules as there are proteins.
REDRAWS = 10


def same_kind(panels: StudyResults) -> Finding:
    """Test whether models of the same kind of input agree more, and whether strings and atoms agree at all."""
    comparison = panels["qm9"].comparison
    score = read_scores(comparison)["cknna"]
    flat, atoms = of_kind(comparison, FLAT), of_kind(comparison, ("atoms",))
    within = mean_of(score.mutual, flat, flat), mean_of(score.mutual, atoms, atoms)
    means = {"flat": within[0], "atoms": within[1], "across": mean_of(score.mutual, flat, atoms)}
    pairs = [(i, j) for i in np.flatnonzero(flat).tolist() for j in np.flatnonzero(atoms).tolist()]
    significant = sum(not score.not_significant[pair] for pair in pairs)
    best, overlap = best_overlap(panels["qm9"], pairs, neighbours_of(int(comparison.attrs["n"])))
    estimates = {
        "within": same_kind_of(comparison, "cknna"),
        "across": across(comparison, "cknna"),
        "vision_language": overlap,
    }
    return Finding(
        "same_kind",
        estimates,
        f"Mean CKNNA is {num(within[0])} among models of strings and graphs, {num(within[1])} among models of atoms "
        f"and {num(means['across'])} across. Alignment and same kind of input: ρ = {shown(estimates['within'])}. "
        f"Across, beyond chance: {shown(estimates['across'])}; {significant} of {len(pairs)} pairs are significantly "
        f"above chance. The best of them, {best}, share {shown(overlap, units='samples')} of "
        f"{neighbours_of(int(comparison.attrs['n']))} nearest neighbours, with an interval for all {len(pairs)} "
        f"pairs at once; Huh et al. (2024) report {VISION_LANGUAGE} between vision and language, of 10 neighbours "
        "among 1,024 samples.",
        behind(panels, "qm9"),
        means | {"significant": significant, "pairs": len(pairs), "best": best},
    )


def best_overlap(panel: StudyResult, pairs: Sequence[tuple[int, int]], k: int) -> tuple[str, Estimate]:
    """Return the pair with the highest share of common neighbours, with an interval that holds for all pairs."""
    from scipy.stats import t as student

    from hyle.engine import compare

    names = model_names(panel.comparison)
    rows = sorted({i for pair in pairs for i in pair})
    found = compare(
        {names[i]: panel.representations[i] for i in rows},
        metrics=["mutual_knn"],
        k=k,
        jackknife_groups=JACKKNIFE_GROUPS,
    )
    overlap, error = (found[f"mutual_knn{suffix}"].transpose("model", "other") for suffix in ("", "_se"))
    best = max(pairs, key=lambda pair: overlap.sel(model=names[pair[0]], other=names[pair[1]]).item())
    first, second = (names[i] for i in best)
    value, se = (each.sel(model=first, other=second).item() for each in (overlap, error))
    df = JACKKNIFE_GROUPS - 1
    # Bonferroni's quantile for all pairs, given as the width of a 95 % interval.
    half_width = float(student.ppf(1 - 0.025 / len(pairs), df)) * se
    return f"{first} with {second}", Estimate(
        value, value - half_width, value + half_width, int(found.attrs["n"]), df=df
    )


def neighbours_of(n: int) -> int:
    """Return as many neighbours of n samples as 10 are of 1,024: the overlap rises with their share of all samples."""
    return max(1, round(NEIGHBOURS * n / OF_SAMPLES))


def proteins(panels: StudyResults) -> Finding:
    """Compare the agreement of protein sequence and structure with that of molecular strings and atoms."""
    size = min(int(panels[name].comparison.attrs["n"]) for name in ("proteins", "qm9"))
    of_sets = {}
    for name, first, second in (("proteins", ("sequence",), ("backbone",)), ("qm9", FLAT, ("atoms",))):
        of_sets[name] = _across_at(panels[name], first, second, size)
    large, small = of_sets["proteins"], of_sets["qm9"]
    estimate = ratio_of(large, small)
    return Finding(
        "proteins",
        {"ratio": estimate},
        f"On {size} samples of each set, k = {NEIGHBOURS}, the mean CKNNA beyond chance across modalities is "
        f"{shown(large)} for proteins and {shown(small)} for molecules; ratio {shown(estimate)}.",
        behind(panels, "proteins", "qm9"),
        {name: {"mean": one.value, "low": one.low, "high": one.high} for name, one in of_sets.items()},
    )


def ratio_of(first: Estimate, second: Estimate) -> Estimate:
    """Return the ratio of two independent estimates; the variances of their logarithms are added."""
    if not (first.value > 0 and second.value > 0):
        return Estimate(math.nan, math.nan, math.nan, min(first.units, second.units))
    from scipy.stats import t as student

    variance, df = 0.0, math.inf
    for one in (first, second):
        variance += ((one.high - one.low) / 2 / float(student.ppf(0.975, one.df)) / one.value) ** 2
        df = min(df, one.df)
    value = first.value / second.value
    half_width = float(student.ppf(0.975, df)) * math.sqrt(variance)
    low, high = (value * math.exp(sign * half_width) for sign in (-1, 1))
    return Estimate(value, low, high, min(first.units, second.units), df=df)


def _across_at(panel: StudyResult, first: Sequence[str], second: Sequence[str], size: int) -> Estimate:
    """Average CKNNA beyond chance across two groups of models on random subsets of some size."""
    from hyle.engine import compare
    from hyle.engine.analysis import beyond_chance

    names = model_names(panel.comparison)
    groups = [_reads(panel, kinds) for kinds in (first, second)]
    rows = np.flatnonzero(groups[0] | groups[1]).tolist()
    ids = sorted(set.intersection(*(set(panel.representations[i].ids) for i in rows)))
    tables = {}
    for i in rows:
        at = {id_: row for row, id_ in enumerate(panel.representations[i].ids)}
        tables[names[i]] = np.asarray(panel.representations[i].embedding)[[at[id_] for id_ in ids]]
    values = []
    for seed in range(REDRAWS if len(ids) > size else 1):
        chosen = np.sort(np.random.default_rng(seed).permutation(len(ids))[:size])
        found = compare({name: x[chosen] for name, x in tables.items()}, metrics=["cknna"], k=NEIGHBOURS)
        values.append(beyond_chance(found, "cknna"))
    owners = np.array(families(panel.comparison))[rows]
    return mean_across(np.mean(values, 0), groups[0][rows], groups[1][rows], owners)


def text(panels: StudyResults) -> Finding:
    """Test whether a language model of English agrees with models of atoms when it is fed SMILES."""
    from hyle.engine.analysis import beyond_chance

    comparison = panels["qm9"].comparison
    score = read_scores(comparison)["cknna"]
    words, strings, atoms = (of_kind(comparison, (kind,)) for kind in ("text", "string", "atoms"))
    means = {
        "text_string": mean_of(score.mutual, words, strings),
        "string_string": mean_of(score.mutual, strings, strings),
        "text_atoms": mean_of(score.mutual, words, atoms),
        "string_atoms": mean_of(score.mutual, strings, atoms),
    }
    owners = np.array(families(comparison))
    beyond = beyond_chance(comparison, "cknna")
    of_words, of_strings = (mean_across(beyond, group, atoms, owners) for group in (words, strings))
    estimate = ratio_of(of_words, of_strings)
    pairs = [(i, j) for i in np.flatnonzero(words) for j in np.flatnonzero(atoms)]
    significant = sum(not score.not_significant[pair] for pair in pairs)
    return Finding(
        "text",
        {"ratio": estimate},
        f"A small model of English sentences (minilm) agrees with string models at a mean CKNNA of "
        f"{num(means['text_string'])} (string models with each other: {num(means['string_string'])}) and with models "
        f"of atoms at {num(means['text_atoms'])} (string models: {num(means['string_atoms'])}); {significant} of "
        f"{len(pairs)} of the latter pairs are significantly above chance. With only one such model there is no "
        "interval. Large language models, and coordinates as text, need weights from a hub and were not tested.",
        behind(panels, "qm9"),
        means | {"significant": significant, "pairs": len(pairs)},
    )


def _reads(panel: StudyResult, wanted: Sequence[str]) -> np.ndarray:
    """Return bool [m], whether a model is of one of these modalities or reads one of these views.

    Models of English text are none of these, whatever text they are given.
    """
    from hyle.zoo import find_card

    models = zip(model_names(panel.comparison), modalities(panel.comparison), strict=True)
    return np.array(
        [kind not in (CONTROL, "text") and bool({kind, find_card(name).view} & set(wanted)) for name, kind in models]
    )
