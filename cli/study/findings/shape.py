"""Local and global metrics, dimension, and the effect of training data."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...comparison import model_names, read_scores
from ..plan import StudyResults
from .finding import LEVEL, Finding, behind, num, real, verdict

ARCHITECTURES = ("invariant", "equivariant", "unconstrained")


def local_and_global(panels: StudyResults) -> Finding:
    """Correlate CKNNA with distance correlation over pairs, by a Mantel test."""
    from hyle.engine.analysis import association

    tests = {}
    for name, panel in panels.items():
        scores, rows = read_scores(panel.comparison), real(panel)
        block = np.ix_(rows, rows)
        if len(rows) >= 4:
            tests[name] = association(scores["cknna"].mutual[block], scores["distance_correlation"].mutual[block])
    return Finding(
        "A local metric (CKNNA) and a global one (distance correlation) order the pairs of models in the same way.",
        " ".join(f"{name}: ρ = {num(t.correlation)}, p = {t.p:.2g}, {t.models} models." for name, t in tests.items()),
        verdict([t.p <= LEVEL and t.correlation > 0.5 for t in tests.values()]),
        behind(panels, *panels),
        {name: {"rho": t.correlation, "p": t.p} for name, t in tests.items()},
    )


def dimension(panels: StudyResults) -> Finding:
    """Measure the width of the band of intrinsic dimensions, and whether architectures are ordered in it."""
    from scipy.stats import kruskal

    sentences, numbers, narrow = [], {}, []
    pooled: dict[str, list[float]] = {}
    for name, panel in panels.items():
        data, rows = panel.comparison, real(panel)
        values = data["intrinsic_dimension"].values
        low, middle, high = np.quantile(values[rows], [0.1, 0.5, 0.9])
        noise = [float(v) for v, one in zip(values, model_names(data), strict=True) if one == "random"]
        narrow.append(bool(high < 2 * low and noise and (values[rows] < noise[0]).all()))
        beyond = f", random vectors {num(noise[0], 1)}" if noise else ""
        sentences.append(
            f"{name}: median {num(middle, 1)}, 10 to 90 % of {len(rows)} models {num(low, 1)} to "
            f"{num(high, 1)}{beyond}."
        )
        numbers[name] = {"median": middle, "p10": low, "p90": high, "random": noise}
        for i in rows:
            pooled.setdefault(str(data["architecture"].values[i]), []).append(float(np.log(values[i] / middle)))
    order = sorted(pooled, key=lambda kind: float(np.median(pooled[kind])))
    p = float(kruskal(*pooled.values()).pvalue) if len(pooled) > 1 else float("nan")
    sentences.append(
        f"From low to high, each against the median of its set: {', '.join(order)} (Kruskal-Wallis p = {p:.2g}, too "
        "small, since models are in several sets). A band is narrow here where its ends differ by less than a factor "
        "of 2 and all of it is below random vectors."
    )
    claimed = [kind for kind in ARCHITECTURES if kind in pooled]
    return Finding(
        "The intrinsic dimension of a data set lies in a narrow band whatever the model, far below that of random "
        "vectors; invariant models have the lowest, then equivariant, then unconstrained ones.",
        " ".join(sentences),
        verdict([*narrow, order == claimed and p <= LEVEL]),
        behind(panels, *panels),
        numbers | {"order": order, "p": p},
    )


def training_data(panels: StudyResults) -> Finding:
    """Compare the share that training data explain with the shares of other facts, by PERMANOVA."""
    from hyle.engine.analysis import factors

    sentences, numbers, supported = [], {}, []
    for name in [one for one in ("mptrj", "qm9") if one in panels]:
        result = factors(panels[name].comparison, "cknna")
        beyond: dict[str, Any] = {f.name: f.share - f.by_chance for f in result}
        significant = {f.name for f in result if f.p <= LEVEL}
        listed = [
            f"{f.name.replace('_', ' ')} {f.share:.0%} ({f.by_chance:.0%} by chance, p = {f.p:.2g})" for f in result
        ]
        sentences.append(f"{name}: {', '.join(listed)}.")
        largest = max((share for fact, share in beyond.items() if fact != "training_data"), default=0.0)
        supported.append("training_data" in significant and beyond["training_data"] >= largest)
        numbers[name] = beyond
    return Finding(
        "Models group by training data first, then by equivariance and architecture.",
        " ".join(sentences)
        + " Each fact alone, of the variation in CKNNA; a family often shares its data, and then the two cannot be "
        "distinguished.",
        verdict(supported),
        behind(panels, "mptrj", "qm9"),
        numbers,
    )
