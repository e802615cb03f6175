"""Change of agreement out of distribution."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
    from hyle.engine.analysis import Contrast, SampleCollapse

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
        "local": change_of(changes["cknna"]),
        "global": change_of(changes["distance_correlation"]),
        "collapse": collapse_of(collapsed, of_family),
    }
    aucs = [degree_of_shift(first[name], second[name], groups=first_groups).auc for name in shared]
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


def change_of(one: Contrast) -> Estimate:
    """Return a change, whose variances over families and over samples are added."""
    ends = one.family_low, one.family_high
    return _with_samples(one.outside - one.inside, ends, one.error, one.df, one.families)


def collapse_of(found: SampleCollapse, of_family: Sequence[str]) -> Estimate:
    """Return the geometric mean over families of the change of the dimension around samples.

    The variance of its logarithm over families, and that over samples, which all models share, are added.
    """
    from hyle.engine.analysis import family_codes, mean_over_families

    codes = family_codes(of_family)
    value, *ends = mean_over_families(np.log([one.value for one in found.dimension]), codes)
    estimate = _with_samples(value, (ends[0], ends[1]), found.error, found.df, len(np.unique(codes)))
    low, high = math.exp(estimate.low), math.exp(estimate.high)
    return replace(estimate, value=math.exp(estimate.value), low=low, high=high)


def _with_samples(
    value: float, over_families: tuple[float, float], error: float, error_df: float, families: int
) -> Estimate:
    """Return an estimate with the sum of its variances over families and over samples.

    Degrees of freedom are those of Welch and Satterthwaite. NaN ends where there is no interval over families.

    Args:
        value: of the statistic.
        over_families: ends of its 95 % interval over families.
        error: its standard error over samples.
        error_df: degrees of freedom of that error.
        families: their number.
    """
    from scipy.stats import t as student

    low, high = over_families
    if not (is_number(low) and is_number(error)):
        return Estimate(value, math.nan, math.nan, families)
    of_families = ((high - low) / 2 / float(student.ppf(0.975, families - 1))) ** 2
    variance = of_families + error**2
    squares = of_families**2 / (families - 1) + error**4 / error_df
    df = variance**2 / squares if squares > 0 else math.inf
    half_width = float(student.ppf(0.975, df)) * math.sqrt(variance)
    return Estimate(value, value - half_width, value + half_width, families, df=df)


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
