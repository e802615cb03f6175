"""Change of agreement out of distribution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ...analyses import is_number
from ...comparison import model_names
from ...options import CompareOptions
from ..plan import SHIFT, StudyResult, StudyResults
from .finding import Finding, behind, families, num, real, verdict

if TYPE_CHECKING:
    from hyle.engine.analysis import Contrast

METRICS = ("cknna", "distance_correlation", "information_imbalance")


def out_of_distribution(panels: StudyResults) -> Finding:
    """Compare the same models in and out of distribution, at one n and k, and measure the degree of shift."""
    from hyle.engine.analysis import contrast, degree_of_shift, factors

    inside, outside = (panels[name] for name in SHIFT)
    of_family = dict(zip(model_names(inside.comparison), families(inside), strict=True))
    (first, first_groups), (second, second_groups) = _rows(inside), _rows(outside)
    changes = {
        one.metric: one
        for one in contrast(
            first, second, METRICS, inside_groups=first_groups, outside_groups=second_groups, families=of_family
        )
    }
    any_change = changes["cknna"]
    n, k = any_change.n, any_change.k
    sentences = [
        f"{_words(name)} beyond chance: {num(one.inside, 3)} to {num(one.outside, 3)} (change {_interval(one)})."
        for name, one in changes.items()
    ]
    shares = [
        {f.name: f.share - f.by_chance for f in factors(p.comparison, "cknna") if is_number(f.by_chance)}
        for p in (inside, outside)
    ]
    explained = [f"{_words(n)} {s:.0%} to {shares[1][n]:.0%}" for n, s in shares[0].items() if n in shares[1]]
    shifted = {rep.name: rep for rep in outside.representations}
    aucs = [
        degree_of_shift(rep.embedding, shifted[rep.name].embedding).auc
        for rep in inside.representations
        if rep.name in first and rep.name in shifted
    ]
    supported: list[bool | None] = [None] * len(METRICS)
    if is_number(any_change.family_low):
        supported = [
            one.high < 0 and one.family_high < 0 if name == "cknna" else one.low > 0 and one.family_low > 0
            for name, one in changes.items()
        ]
    return Finding(
        "Out of distribution, models agree less locally and more globally: nearly all collapse onto one poor "
        "representation, shaped by architecture rather than by training data.",
        f"A shifted crystal is farther from the crystals in distribution than one of those is from the others with a "
        f"probability of {num(np.median(aucs))} (median over models; 0.5 for no shift). With {n} samples of each set, "
        f"one of each group of samples, k = {k} and {any_change.redraws} redraws: {' '.join(sentences)} Share of the "
        f"variation explained beyond chance, in and out of distribution: {', '.join(explained) or 'none'}.",
        verdict(supported),
        f"{behind(panels, *SHIFT)}; {any_change.models} models of {any_change.families} families in both",
        {
            name: {"in": c.inside, "out": c.outside, "low": c.low, "high": c.high, "families": c.families}
            | {"family_low": c.family_low, "family_high": c.family_high, "n": c.n, "k": c.k, "groups": c.groups}
            for name, c in changes.items()
        }
        | {"shift_auc": aucs},
    )


def _rows(panel: StudyResult) -> tuple[dict[str, np.ndarray], list[str] | None]:
    """Return the rows of the samples that all models have, by model without controls, and the group of each sample."""
    from ...jobs import with_groups

    names = {model_names(panel.comparison)[i] for i in real(panel)}
    chosen = [rep for rep in panel.representations if rep.name in names]
    ids = sorted(set.intersection(*(set(rep.ids) for rep in chosen)))
    rows = {}
    for rep in chosen:
        at = {name: row for row, name in enumerate(rep.ids)}
        rows[rep.name] = np.asarray(rep.embedding)[[at[name] for name in ids]]
    # The groups that intervals use by default, such as the states of one material.
    labels = with_groups(CompareOptions(jackknife_groups=20), chosen).measure.groups
    return rows, [labels[name] for name in ids] if isinstance(labels, Mapping) else None


def _interval(change: Contrast) -> str:
    samples = f"95 % {num(change.low, 3)} to {num(change.high, 3)} over samples"
    if is_number(change.family_low):
        return f"{samples}, {num(change.family_low, 3)} to {num(change.family_high, 3)} over families"
    return f"{samples}; inconclusive over {change.families} families (at least 6 are needed)"


def _words(name: str) -> str:
    return name.replace("_", " ")
