"""Local and global metrics, dimension, and the effect of training data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...analyses import evidence, is_number
from ...comparison import model_names, read_scores
from ..plan import StudyResults
from .finding import LEVEL, WORTH, Finding, behind, families, num, real, supports, verdict

if TYPE_CHECKING:
    from hyle.engine.analysis import Factor

TRAINED_ON = "trained_on"
ARCHITECTURES = ("invariant", "equivariant", "unconstrained")


def local_and_global(panels: StudyResults) -> Finding:
    """Correlate CKNNA with distance correlation over pairs of families, by a Mantel test."""
    from hyle.engine.analysis import association

    tests = {}
    for name, panel in panels.items():
        scores, rows = read_scores(panel.comparison), real(panel)
        block = np.ix_(rows, rows)
        if len(rows) >= 4:
            near, far = (scores[metric].mutual[block] for metric in ("cknna", "distance_correlation"))
            of_family = families(panel)
            tests[name] = association(near, far, families=[of_family[i] for i in rows])
    return Finding(
        "A local metric (CKNNA) and a global one (distance correlation) order the pairs of models in the same way.",
        " ".join(f"{name}: ρ = {num(t.correlation)}, {evidence(t, t.models)}." for name, t in tests.items()),
        verdict([supports(t.p, t.correlation > WORTH, refuted=t.high < WORTH) for t in tests.values()]),
        behind(panels, *panels),
        {
            name: {"rho": t.correlation, "p": t.p, "families": t.families, "smallest_p": t.smallest_p}
            for name, t in tests.items()
        },
    )


def dimension(panels: StudyResults) -> Finding:
    """Measure the width of the band of intrinsic dimensions, and whether architectures are ordered in it."""
    from hyle.engine.analysis import compare_groups

    sentences, numbers = [], {}
    narrow: list[bool | None] = []
    logs, kinds, owners = [], [], []
    for name, panel in panels.items():
        data, rows, of_family = panel.comparison, real(panel), families(panel)
        values = data["intrinsic_dimension"].values
        low, middle, high = np.quantile(values[rows], [0.1, 0.5, 0.9])
        noise = [float(v) for v, one in zip(values, model_names(data), strict=True) if one == "random"]
        narrow.append(bool(high < 2 * low and noise and (values[rows] < noise[0]).all()))
        beyond = f", random vectors {num(noise[0], 1)}" if noise else ""
        sentences.append(
            f"{name}: median {num(middle, 1)} (10th to 90th percentile of {len(rows)} models: {num(low, 1)} to "
            f"{num(high, 1)}){beyond}."
        )
        numbers[name] = {"median": middle, "p10": low, "p90": high, "random": noise}
        logs += np.log(values[rows] / middle).tolist()
        kinds += [str(data["architecture"].values[i]) for i in rows]
        owners += [of_family[i] or model_names(data)[i] for i in rows]
    # One value for each family, over all sets: a model of several sets is still one.
    test = compare_groups(logs, kinds, owners)
    by_kind = {kind: [v for v, one in zip(logs, kinds, strict=True) if one == kind] for kind in kinds if kind}
    order = sorted(by_kind, key=lambda kind: float(np.median(by_kind[kind])))
    p = f"Kruskal-Wallis over families p = {test.p:.2g}, {test.families} families"
    if not is_number(test.p):
        p = f"inconclusive: {test.families} families can give no p below {test.smallest_p:.2g}"
    sentences.append(
        f"Architectures from low to high, relative to the median of each set: {', '.join(order)} ({p}). A band counts "
        "as narrow if its ends differ by less than a factor of 2 and all models are below random vectors."
    )
    claimed = [kind for kind in ARCHITECTURES if kind in by_kind]
    return Finding(
        "The intrinsic dimensions of all models on a data set are in a narrow band, far below that of random vectors; "
        "they are lowest for invariant models, then for equivariant, then for unconstrained ones.",
        " ".join(sentences),
        verdict([*narrow, supports(test.p, order == claimed)]),
        behind(panels, *panels),
        numbers | {"order": order, "p": test.p, "families": test.families, "smallest_p": test.smallest_p},
    )


def training_data(panels: StudyResults) -> Finding:
    """Compare the share that training data explain with the shares of other facts, over pairs of families."""
    from hyle.engine.analysis import factors

    sentences, numbers = [], {}
    supported: list[bool | None] = []
    for name in [one for one in ("mptrj", "qm9") if one in panels]:
        result = [f for f in factors(panels[name].comparison, "cknna") if f.name != "family"]
        beyond: dict[str, Any] = {f.name: f.share - f.by_chance for f in result if not f.untested}
        significant = {f.name for f in result if f.p <= LEVEL and f.difference > 0}
        listed = [f"{f.name.replace('_', ' ')} {_share(f)}" for f in result]
        alone = dict.fromkeys(value for f in result for value in f.alone)
        sentences.append(f"{name}: {', '.join(listed) or 'no fact varies'}.")
        if alone:
            sentences.append(f"In one family only, and not separable from it: {', '.join(alone)}.")
        largest = max((share for fact, share in beyond.items() if fact != TRAINED_ON), default=0.0)
        tested = TRAINED_ON in beyond
        supported.append(TRAINED_ON in significant and beyond[TRAINED_ON] >= largest if tested else None)
        numbers[name] = {
            f.name: {"share": f.share, "by_chance": f.by_chance, "p": f.p, "smallest_p": f.smallest_p}
            | {"families": f.families, "untested": f.untested, "alone": list(f.alone)}
            for f in result
        }
    return Finding(
        "Models group first by training data, then by equivariance and architecture.",
        " ".join(sentences)
        + " Percentages are the share of the variation of CKNNA, over pairs of families, that each fact explains "
        "alone; training data are the sets named in the model cards.",
        verdict(supported),
        behind(panels, "mptrj", "qm9"),
        numbers,
    )


def _share(factor: Factor) -> str:
    n = f"{factor.n} models of {factor.families} families"
    if factor.untested:
        return f"inconclusive ({factor.untested}; {n}, smallest p {factor.smallest_p:.2g})"
    ends = f"difference {num(factor.difference)}, 95 % {num(factor.low)} to {num(factor.high)}"
    return f"{factor.share:.0%} ({factor.by_chance:.0%} by chance, {ends}, p = {factor.p:.2g}, {n})"
