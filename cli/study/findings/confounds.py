"""Confounds of agreement: composition, and the highest score that can be reached."""

from __future__ import annotations

import numpy as np

from ...comparison import modalities, model_names, read_scores, seed_replicates
from ..plan import StudyResults
from .finding import INCONCLUSIVE, NOT_SUPPORTED, PARTLY_SUPPORTED, SUPPORTED, Finding, behind, mean_of, num
from .kinds import FLAT


def composition(panels: StudyResults) -> Finding:
    """Regress composition out of all models, and measure the remaining agreement."""
    import hyle.engine

    panel = panels["qm9"]
    names, kinds = model_names(panel.comparison), np.array(modalities(panel.comparison))
    rep = dict(zip(names, panel.representations, strict=True))
    flat, atoms = np.isin(kinds, FLAT), kinds == "atoms"
    chosen = [name for name, one in zip(names, flat | atoms, strict=True) if one]
    if "composition" not in rep:
        return Finding(
            _CLAIM, "The panel does not include `composition`.", INCONCLUSIVE, behind(panels, "qm9"), of_study=False
        )
    attrs = panel.comparison.attrs
    without = hyle.engine.compare(
        {name: rep[name] for name in chosen},
        metrics=["cknna", "cka"],
        k=attrs["k"],
        covariates=rep["composition"],
        permutations=attrs["permutations"],
    )
    rows = [name in chosen for name in names]
    first, second = flat[rows], atoms[rows]
    sentences, numbers = [], {}
    for name, score in read_scores(without).items():
        before, after = mean_of(score.raw, first, second), mean_of(score.mutual, first, second)
        pairs = [(i, j) for i in np.flatnonzero(first) for j in np.flatnonzero(second)]
        significant = sum(not score.not_significant[pair] for pair in pairs)
        sentences.append(
            f"{score.label} across strings or graphs and atoms: {num(before)} on average, {num(after)} after "
            f"composition is regressed out ({num(100 * (1 - after / before), 0)} % less); {significant} of "
            f"{len(pairs)} pairs are still significantly above chance."
        )
        numbers[name] = {"before": before, "after": after, "told": significant, "pairs": len(pairs)}
    all_significant = all(n["told"] > 0.95 * n["pairs"] for n in numbers.values())
    some_significant = any(n["told"] > 0.05 * n["pairs"] for n in numbers.values())
    return Finding(
        _CLAIM,
        " ".join(sentences),
        SUPPORTED if all_significant else PARTLY_SUPPORTED if some_significant else NOT_SUPPORTED,
        behind(panels, "qm9"),
        numbers,
        of_study=False,
    )


_CLAIM = "Agreement across modalities is more than a count of atoms, which every model can read from its input."


def ceiling(panels: StudyResults) -> Finding:
    """Measure the agreement of seed replicates of one model, the ceiling for two models."""
    panel = panels["qm9"]
    names, scores = model_names(panel.comparison), read_scores(panel.comparison)
    pairs = seed_replicates(names)
    claim = "Seed replicates of one model agree perfectly, so that 1 is the highest score to expect."
    if not pairs:
        return Finding(claim, "No model has a seed replicate.", INCONCLUSIVE, behind(panels, "qm9"), of_study=False)
    values = {name: [float(scores[name].mutual[pair]) for pair in pairs] for name in ("cka", "cknna", "mutual_knn")}
    means = ", ".join(f"{scores[name].label} {num(np.mean(of_pairs))}" for name, of_pairs in values.items())
    return Finding(
        claim,
        f"{', '.join(names[i] for i, _ in pairs)} and its seed replicate: {means}. Scores of other pairs should "
        "be compared with these, not with 1.",
        SUPPORTED if min(map(min, values.values())) > 0.95 else NOT_SUPPORTED,
        behind(panels, "qm9"),
        values,
        of_study=False,
    )
