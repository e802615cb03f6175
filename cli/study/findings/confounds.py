"""Confounds of agreement: composition, and the highest score that can be reached."""

from __future__ import annotations

import math

import numpy as np

from ...comparison import model_names, read_scores, seed_replicates
from ..plan import StudyResults
from ..statistics import FLAT, across, of_kind
from ..verdict import Estimate
from .finding import Finding, behind, mean_of, num, shown


def composition(panels: StudyResults) -> Finding:
    """Regress composition out of all models, and measure the remaining agreement."""
    import hyle.engine

    panel = panels["qm9"]
    comparison, names = panel.comparison, model_names(panel.comparison)
    rep = dict(zip(names, panel.representations, strict=True))
    flat, atoms = of_kind(comparison, FLAT), of_kind(comparison, ("atoms",))
    chosen = [name for name, one in zip(names, flat | atoms, strict=True) if one]
    if "composition" not in rep:
        nothing = Estimate(math.nan, math.nan, math.nan, 0)
        sentence = "The panel does not include `composition`."
        return Finding("composition", {"across": nothing}, sentence, behind(panels, "qm9"))
    attrs = comparison.attrs
    without = hyle.engine.compare(
        {name: rep[name] for name in chosen},
        metrics=["cknna", "cka"],
        k=attrs["k"],
        covariates=rep["composition"],
        permutations=attrs["permutations"],
    )
    for fact in ("modality", "family"):
        without[fact] = ("model", comparison[fact].sel(model=chosen).values)
    rows = [name in chosen for name in names]
    first, second = flat[rows], atoms[rows]
    estimate, sentences, numbers = across(without, "cknna"), [], {}
    for name, score in read_scores(without).items():
        before, after = mean_of(score.raw, first, second), mean_of(score.mutual, first, second)
        pairs = [(i, j) for i in np.flatnonzero(first) for j in np.flatnonzero(second)]
        significant = sum(not score.not_significant[pair] for pair in pairs)
        sentences.append(
            f"{score.label} across strings or graphs and atoms: {num(before)} on average, {num(after)} after "
            f"composition is regressed out ({num(100 * (1 - after / before), 0)} % less); {significant} of "
            f"{len(pairs)} pairs are still significantly above chance."
        )
        numbers[name] = {"before": before, "after": after, "significant": significant, "pairs": len(pairs)}
    return Finding(
        "composition",
        {"across": estimate},
        f"{' '.join(sentences)} Mean CKNNA beyond chance of the pairs of families: {shown(estimate)}.",
        behind(panels, "qm9"),
        numbers,
    )


def ceiling(panels: StudyResults) -> Finding:
    """Measure the agreement of seed replicates of one model, the ceiling for two models."""
    comparison = panels["qm9"].comparison
    names, scores = model_names(comparison), read_scores(comparison)
    pairs = seed_replicates(names)
    if not pairs:
        nothing = Estimate(math.nan, math.nan, math.nan, 0)
        return Finding("ceiling", {"replicates": nothing}, "No model has a seed replicate.", behind(panels, "qm9"))
    values = {name: [float(scores[name].mutual[pair]) for pair in pairs] for name in ("cka", "cknna", "mutual_knn")}
    means = ", ".join(f"{scores[name].label} {num(np.mean(of_pairs))}" for name, of_pairs in values.items())
    score = scores["cknna"]
    # The mean over the replicates of one model; they share its samples, so that intervals are averaged as well.
    low, high = (float(np.mean([(ends[i, j] + ends[j, i]) / 2 for i, j in pairs])) for ends in (score.low, score.high))
    groups = int(comparison.attrs.get("jackknife_groups", 0))
    estimate = Estimate(
        float(np.mean(values["cknna"])),
        low,
        high,
        int(comparison.attrs["n"]),
        df=groups - 1 if groups > 1 else math.inf,
    )
    return Finding(
        "ceiling",
        {"replicates": estimate},
        f"{', '.join(names[i] for i, _ in pairs)} and its seed replicate: {means}; CKNNA "
        f"{shown(estimate, units='samples')}. Scores of other pairs should be compared with these, not with 1.",
        behind(panels, "qm9"),
        values,
    )
