"""Change of agreement out of distribution."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...analyses import is_number
from ...comparison import model_names
from ...options import CompareOptions
from ..plan import SHIFT, StudyResult, StudyResults
from ..statistics import families, real
from ..verdict import Estimate
from .finding import Finding, behind, num, shown

if TYPE_CHECKING:
    from hyle.engine.analysis import Contrast

METRICS = ("cknna", "distance_correlation", "information_imbalance")


def out_of_distribution(panels: StudyResults) -> Finding:
    """Compare the same models in and out of distribution, at one n and k, and measure the degree of shift."""
    from hyle.engine.analysis import contrast, degree_of_shift, sample_collapse

    inside, outside = (panels[name] for name in SHIFT)
    owners = dict(zip(model_names(inside.comparison), families(inside.comparison), strict=True))
    one, other = rows_of_models(inside), rows_of_models(outside)
    first, first_groups, second, second_groups = one.rows, one.groups, other.rows, other.groups
    changes = {
        one.metric: one
        for one in contrast(
            first, second, METRICS, inside_groups=first_groups, outside_groups=second_groups, families=owners
        )
    }
    shared = [name for name in first if name in second]
    of_family = [owners[name] for name in shared]
    collapsed = sample_collapse(
        [first[name] for name in shared],
        [second[name] for name in shared],
        families=of_family,
        groups=(first_groups, second_groups),
    )
    estimates = {
        "local": _change(changes["cknna"]),
        "global": _change(changes["distance_correlation"]),
        "collapse": _collapse([one.value for one in collapsed.dimension], of_family),
    }
    aucs = [degree_of_shift(first[name], second[name]).auc for name in shared]
    any_change = changes["cknna"]
    sentences = [
        f"{name.replace('_', ' ')} beyond chance: {num(one.inside, 3)} to {num(one.outside, 3)} (change "
        f"{_interval(one)})."
        for name, one in changes.items()
    ]
    return Finding(
        "out_of_distribution",
        estimates,
        f"A shifted crystal is farther from the crystals in distribution than one of those is from the others with a "
        f"probability of {num(np.median(aucs))} (median over models; 0.5 for no shift). With {any_change.n} samples of "
        f"each set, one of each group of samples, k = {any_change.k} and {any_change.redraws} redraws: "
        f"{' '.join(sentences)} The dimension around a sample out of distribution is {shown(estimates['collapse'])} "
        "times that in distribution.",
        f"{behind(panels, *SHIFT)}; {any_change.models} models of {any_change.families} families in both",
        {
            name: {"in": c.inside, "out": c.outside, "low": c.low, "high": c.high, "families": c.families}
            | {"family_low": c.family_low, "family_high": c.family_high, "n": c.n, "k": c.k, "groups": c.groups}
            for name, c in changes.items()
        }
        | {"shift_auc": aucs, "dimension": dict(zip(shared, (one.value for one in collapsed.dimension), strict=True))},
    )


def _change(one: Contrast) -> Estimate:
    """Return a change with the wider of its intervals over families and over samples."""
    value = one.outside - one.inside
    if not is_number(one.family_low):
        return Estimate(value, math.nan, math.nan, one.families)
    half_width = max(one.family_high - one.family_low, one.high - one.low) / 2
    return Estimate(value, value - half_width, value + half_width, one.families, df=one.families - 1)


def _collapse(ratios: list[float], of_family: list[str]) -> Estimate:
    """Return the geometric mean of ratios over families, with the interval of the mean of logarithms."""
    from hyle.engine.analysis import family_codes, mean_over_families

    codes = family_codes(of_family)
    value, low, high = (math.exp(end) for end in mean_over_families(np.log(ratios), codes))
    count = len(np.unique(codes))
    return Estimate(value, low, high, count, df=count - 1)


@dataclass(frozen=True)
class ModelRows:
    """Rows of the samples that all models have.

    Args:
        rows: name of the model -> [n, d].
        ids: of the n samples.
        groups: [n], the group of each, such as the material that it is a state of; None where each is a group.
    """

    rows: Mapping[str, np.ndarray]
    ids: Sequence[str]
    groups: Sequence[str] | None


def rows_of_models(panel: StudyResult, controls: Sequence[str] = ()) -> ModelRows:
    """Return the rows of the samples that all models and some controls have, if the panel has these."""
    from ...jobs import with_groups

    names = {*(model_names(panel.comparison)[i] for i in real(panel.comparison)), *controls}
    chosen = [rep for rep in panel.representations if rep.name in names]
    ids = sorted(set.intersection(*(set(rep.ids) for rep in chosen)))
    rows = {}
    for rep in chosen:
        at = {name: row for row, name in enumerate(rep.ids)}
        rows[rep.name] = np.asarray(rep.embedding)[[at[name] for name in ids]]
    # The groups that intervals use by default, such as the states of one material.
    labels = with_groups(CompareOptions(jackknife_groups=20), chosen).measure.groups
    return ModelRows(rows, ids, [labels[name] for name in ids] if isinstance(labels, Mapping) else None)


def _interval(change: Contrast) -> str:
    samples = f"95 % {num(change.low, 3)} to {num(change.high, 3)} over samples"
    if is_number(change.family_low):
        return f"{samples}, {num(change.family_low, 3)} to {num(change.family_high, 3)} over families"
    return f"{samples}; inconclusive over {change.families} families (at least 6 are needed)"
