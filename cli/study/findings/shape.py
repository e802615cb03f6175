"""Local and global metrics, dimension, and the effect of training data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...comparison import model_names
from ..plan import StudyResults
from ..statistics import (
    ARCHITECTURES,
    before_architecture,
    dimension_band,
    dimension_of_random,
    dimension_order,
    real,
)
from ..statistics import local_and_global as order_of_pairs
from ..statistics import training_data as same_data
from .finding import Finding, behind, num, shown

if TYPE_CHECKING:
    from hyle.engine.analysis import Factor


def local_and_global(panels: StudyResults) -> Finding:
    """Correlate CKNNA with distance correlation over pairs of families, by a Mantel test."""
    found = {
        name: order_of_pairs(panel.comparison, "cknna")
        for name, panel in panels.items()
        if len(real(panel.comparison)) >= 4
    }
    return Finding(
        "local_and_global",
        {"order": found["qm9"]},
        " ".join(f"{name}: ρ = {shown(one)}." for name, one in found.items()) + " The verdict is on qm9.",
        behind(panels, *panels),
        {name: {"rho": one.value, "low": one.low, "high": one.high, "p": one.p} for name, one in found.items()},
    )


def dimension(panels: StudyResults) -> Finding:
    """Measure the width of the band of intrinsic dimensions, and whether architectures are ordered in it."""
    sentences, numbers = [], {}
    for name, panel in panels.items():
        data, rows = panel.comparison, real(panel.comparison)
        values = data["intrinsic_dimension"].values
        low, middle, high = np.quantile(values[rows], [0.1, 0.5, 0.9])
        noise = [float(v) for v, one in zip(values, model_names(data), strict=True) if one == "random"]
        beyond = f", random vectors {num(noise[0], 1)}" if noise else ""
        sentences.append(
            f"{name}: median {num(middle, 1)} (10th to 90th percentile of {len(rows)} models: {num(low, 1)} to "
            f"{num(high, 1)}){beyond}."
        )
        numbers[name] = {"median": middle, "p10": low, "p90": high, "random": noise}
    comparison = panels["qm9"].comparison
    estimates = {
        "random": dimension_of_random(comparison),
        "band": dimension_band(comparison),
        "order": dimension_order(comparison),
    }
    rows = real(comparison)
    by_kind = {
        kind: np.median(
            [comparison["intrinsic_dimension"].values[i] for i in rows if comparison["architecture"].values[i] == kind]
        )
        for kind in ARCHITECTURES
        if any(comparison["architecture"].values[i] == kind for i in rows)
    }
    medians = ", ".join(f"{kind} {num(value, 1)}" for kind, value in by_kind.items())
    return Finding(
        "dimension",
        estimates,
        f"{' '.join(sentences)} Over the families of qm9: geometric mean over the dimension of random vectors "
        f"{shown(estimates['random'])}, 90th over 10th percentile (of a log-normal distribution with their standard "
        f"deviation) {shown(estimates['band'])}. Medians of the architectures: {medians}; ρ with their claimed "
        f"order = {shown(estimates['order'])}.",
        behind(panels, *panels),
        numbers | {"architectures": {kind: float(value) for kind, value in by_kind.items()}},
    )


def training_data(panels: StudyResults) -> Finding:
    """Compare the share that training data explain with the shares of other facts, over pairs of families."""
    from hyle.engine.analysis import factors

    sentences, numbers = [], {}
    for name in [one for one in ("qm9", "mptrj") if one in panels]:
        result = [f for f in factors(panels[name].comparison, "cknna") if f.name != "family"]
        listed = [f"{f.name.replace('_', ' ')} {_share(f)}" for f in result]
        alone = dict.fromkeys(value for f in result for value in f.alone)
        sentences.append(f"{name}: {', '.join(listed) or 'no fact varies'}.")
        if alone:
            sentences.append(f"In one family only, and not separable from it: {', '.join(alone)}.")
        numbers[name] = {
            f.name: {"share": f.share, "by_chance": f.by_chance, "p": f.p, "smallest_p": f.smallest_p}
            | {"families": f.families, "untested": f.untested, "alone": list(f.alone)}
            for f in result
        }
    comparison = panels["qm9"].comparison
    estimates = {
        "data": same_data(comparison, "cknna"),
        "before_architecture": before_architecture(comparison, "cknna"),
    }
    return Finding(
        "training_data",
        estimates,
        f"On qm9, pairs with the same training data differ from others by {shown(estimates['data'])}; the difference "
        "that training data make minus that of the architecture, in one regression: "
        f"{shown(estimates['before_architecture'])}. {' '.join(sentences)} Percentages are the share of the "
        "variation of CKNNA, over pairs of families, that each fact explains alone; training data are the sets "
        "named in the model cards. The verdict is on qm9.",
        behind(panels, "qm9", "mptrj"),
        numbers,
    )


def _share(factor: Factor) -> str:
    n = f"{factor.n} models of {factor.families} families"
    if factor.untested:
        return f"not tested ({factor.untested}; {n}, smallest p {factor.smallest_p:.2g})"
    ends = f"difference {num(factor.difference)}, 95 % {num(factor.low)} to {num(factor.high)}"
    return f"{factor.share:.0%} ({factor.by_chance:.0%} by chance, {ends}, p = {factor.p:.2g}, {n})"
