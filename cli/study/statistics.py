"""The statistics of the claims, each of one Comparison and one metric, with families of models as the units."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..comparison import CONTROL, modalities, model_names, per_model
from .verdict import Estimate

if TYPE_CHECKING:
    import xarray as xr

FLAT = ("string", "graph")
TRAINED_ON = "trained_on"
ARCHITECTURES = ("invariant", "equivariant", "unconstrained")
# Standard deviations between the 10th and the 90th percentile of a normal distribution.
BAND = 2 * 1.2816
NAN = Estimate(math.nan, math.nan, math.nan, 0)


def families(comparison: xr.Dataset) -> list[str]:
    """Return the family of each model, its own name where it has none."""
    pairs = zip(per_model(comparison, "family"), model_names(comparison), strict=True)
    return [str(family or "") or name for family, name in pairs]


def real(comparison: xr.Dataset) -> np.ndarray:
    """Return the rows of the models that are not controls."""
    return np.flatnonzero(np.array(modalities(comparison)) != CONTROL)


def of_kind(comparison: xr.Dataset, kinds: Sequence[str]) -> np.ndarray:
    """Return bool [m], whether a model reads one of these kinds of input."""
    return np.isin(np.array(modalities(comparison)), kinds)


def same_kind(comparison: xr.Dataset, metric: str) -> Estimate:
    """Correlate the alignment of two models with whether both are of strings and graphs, or both of atoms."""
    from hyle.engine.analysis import alignment_of, association

    flat, atoms = of_kind(comparison, FLAT), of_kind(comparison, ("atoms",))
    rows = np.flatnonzero(flat | atoms)
    if min(flat.sum(), atoms.sum()) < 2:
        return NAN
    same = (flat[rows, None] == flat[None, rows]).astype(float)
    owners = np.array(families(comparison))[rows]
    test = association(alignment_of(comparison, metric)[np.ix_(rows, rows)], same, families=owners)
    return Estimate(test.correlation, test.low, test.high, test.families, test.p, test.families - 1)


def across(comparison: xr.Dataset, metric: str) -> Estimate:
    """Average the alignment beyond chance of models of strings or graphs and models of atoms."""
    from hyle.engine.analysis import beyond_chance

    values = beyond_chance(comparison, metric)
    return mean_across(
        values, of_kind(comparison, FLAT), of_kind(comparison, ("atoms",)), np.array(families(comparison))
    )


def mean_across(values: np.ndarray, first: np.ndarray, second: np.ndarray, owners: np.ndarray) -> Estimate:
    """Average values [m, m] over the pairs of families across two groups of models, bool [m] each.

    The interval is by the delete-a-family jackknife in each group, with degrees of freedom after Welch and
    Satterthwaite; it needs two families in each group and six in all.
    """
    from scipy.stats import t as student

    from hyle.engine.analysis import MIN_FAMILIES

    sides = [np.unique(owners[group]) for group in (first, second)]
    if not all(len(side) for side in sides):
        return NAN
    cells = np.array(
        [
            [
                np.nanmean(values[np.ix_(first & (owners == f), second & (owners == g))]) if f != g else np.nan
                for g in sides[1]
            ]
            for f in sides[0]
        ]
    )
    families_of_both = len({*sides[0], *sides[1]})
    value, nothing = float(np.nanmean(cells)), Estimate(math.nan, math.nan, math.nan, families_of_both)
    if families_of_both < MIN_FAMILIES or min(map(len, sides)) < 2:
        return replace(nothing, value=value)
    # Families of both groups are drawn independently: their jackknife variances are added.
    variances, degrees = [], [len(side) - 1 for side in sides]
    for axis, count in enumerate(map(len, sides)):
        without = np.array([np.nanmean(np.delete(cells, i, axis)) for i in range(count)])
        variances.append((count - 1) / count * ((without - without.mean()) ** 2).sum())
    total = sum(variances)
    df = total**2 / sum(v**2 / d for v, d in zip(variances, degrees, strict=True)) if total > 0 else math.inf
    half_width = float(student.ppf(0.975, df)) * math.sqrt(total)
    return Estimate(value, value - half_width, value + half_width, families_of_both, df=df)


def over_families(statistic: Callable[[np.ndarray], float], k: int) -> Estimate:
    """Return a statistic of the indices of the families that are kept, with its interval by the jackknife."""
    from hyle.engine.analysis import jackknife_interval_over_families

    low, high = jackknife_interval_over_families(statistic, k)
    return Estimate(statistic(np.arange(k)), low, high, k, df=k - 1)


def better_is_closer(comparison: xr.Dataset, metric: str, *, top: int = 1, reference: str | None = None) -> Estimate:
    """Correlate energy error and alignment with the best model over the other families.

    Args:
        comparison: of models with energy errors.
        metric: of the alignment.
        top: number of best models, of which the mean alignment is taken.
        reference: another model to take for the best.
    """
    from hyle.engine.analysis import convergence

    if np.isfinite(comparison["energy_mae"].values[real(comparison)]).sum() < 2 + top:
        return NAN
    test = convergence(comparison, metric, top=top, reference=reference)
    return Estimate(test.correlation, test.low, test.high, test.families, test.p)


def by_error(comparison: xr.Dataset) -> list[str]:
    """Return the names of the models with energy errors, the best first."""
    names, errors = model_names(comparison), comparison["energy_mae"].values
    return [names[i] for i in sorted(real(comparison), key=lambda i: errors[i]) if np.isfinite(errors[i])]


def local_and_global(comparison: xr.Dataset, metric: str, other: str = "distance_correlation") -> Estimate:
    """Correlate two metrics over pairs of families."""
    from hyle.engine.analysis import alignment_of, association

    rows = real(comparison)
    near, far = (alignment_of(comparison, one)[np.ix_(rows, rows)] for one in (metric, other))
    test = association(near, far, families=np.array(families(comparison))[rows])
    return Estimate(test.correlation, test.low, test.high, test.families, test.p, test.families - 1)


def training_data(comparison: xr.Dataset, metric: str) -> Estimate:
    """Return the difference of the mean alignment of pairs with the same and with different training data."""
    from hyle.engine.analysis import factors

    found = [one for one in factors(comparison, metric, facts=(TRAINED_ON,)) if one.name == TRAINED_ON]
    if not found:
        return NAN
    (one,) = found
    return Estimate(one.difference, one.low, one.high, one.families, one.p, one.families - 2)


def before_architecture(comparison: xr.Dataset, metric: str) -> Estimate:
    """Regress alignment on the same training data and the same architecture, and return the difference of the slopes.

    The regression is over pairs of families; the interval is by the delete-a-family jackknife.
    """
    from hyle.engine.analysis import alignment_of, family_codes, family_pair_means

    values, owners = alignment_of(comparison, metric), np.array(families(comparison))
    labels = [np.array([str(v) for v in per_model(comparison, fact)]) for fact in (TRAINED_ON, "architecture")]
    known = np.intersect1d(real(comparison), np.flatnonzero((labels[0] != "") & (labels[1] != "")))
    codes = family_codes(owners[known])
    same = [(one[known][:, None] == one[known]).astype(float) for one in labels]
    tables = [family_pair_means(one, codes) for one in (values[np.ix_(known, known)], *same)]

    def difference(kept: np.ndarray) -> float:
        pairs = np.triu_indices(len(kept), 1)
        aligned, *facts = (one[np.ix_(kept, kept)][pairs] for one in tables)
        columns = np.stack([np.ones(len(aligned)), *facts], 1)
        if np.linalg.matrix_rank(columns) < columns.shape[1]:
            return math.nan  # one of both does not vary, or both are the same
        slopes = np.linalg.lstsq(columns, aligned, rcond=None)[0]
        return float(slopes[1] - slopes[2])

    return over_families(difference, len(np.unique(codes)))


def scale_alignment(comparison: xr.Dataset, metric: str) -> Estimate:
    """Fit the alignment with the best model against the number of parameters, over the other families."""
    return _trend(comparison, metric, of_error=False)


def scale_error(comparison: xr.Dataset, metric: str) -> Estimate:
    """Fit the logarithm of the energy error against the number of parameters, over the same families."""
    return _trend(comparison, metric, of_error=True)


def _trend(comparison: xr.Dataset, metric: str, *, of_error: bool) -> Estimate:
    from hyle.engine.analysis import convergence, scale_trend

    if np.isfinite(comparison["energy_mae"].values[real(comparison)]).sum() < 4:
        return NAN
    near = convergence(comparison, metric)
    chosen = comparison.sel(model=list(near.models))
    size = np.where(chosen["parameters"].values > 0, chosen["parameters"].values, np.nan)  # 0 is unknown
    if np.isfinite(size).sum() < 3 or np.nanmin(size) == np.nanmax(size):
        return NAN
    values: Any = near.error if of_error else near.alignment
    trend = scale_trend(size, values, families=families(chosen), logarithmic=of_error)
    return Estimate(trend.slope, trend.low, trend.high, trend.families, trend.p, trend.families - 2)


def shared_errors(comparison: xr.Dataset, metric: str, signed: dict[str, np.ndarray]) -> Estimate:
    """Correlate alignment with the correlation of the signed errors, name -> [n], over pairs of families."""
    from hyle.engine.analysis import alignment_of, association, blind_spots

    names = [name for name in model_names(comparison) if name in signed]
    if len(names) < 4:
        return NAN
    rows = [model_names(comparison).index(name) for name in names]
    spots = blind_spots(np.stack([signed[name] for name in names]))
    aligned = alignment_of(comparison, metric)[np.ix_(rows, rows)]
    test = association(aligned, spots.correlation, families=np.array(families(comparison))[rows])
    return Estimate(test.correlation, test.low, test.high, test.families, test.p, test.families - 1)


def dimension_of_random(comparison: xr.Dataset) -> Estimate:
    """Return the geometric mean of the dimensions of the families, divided by the dimension of random vectors."""
    values = comparison["intrinsic_dimension"].values
    noise = [float(v) for v, name in zip(values, model_names(comparison), strict=True) if name == "random"]
    if not noise:
        return NAN
    return _of_dimensions(comparison, lambda logs: float(np.exp(np.mean(logs)) / noise[0]))


def dimension_band(comparison: xr.Dataset) -> Estimate:
    """Return the ratio of the dimensions 1.28 standard deviations above and below the mean of the families.

    This is the 90th over the 10th percentile of a normal distribution of the logarithms; quantiles of few families have
    no interval that holds. The interval is symmetric in the logarithm of the standard deviation.
    """
    from hyle.engine.analysis import family_codes, family_means, jackknife_interval_over_families

    rows = real(comparison)
    owners = np.array(families(comparison))[rows]
    logs = family_means(np.log(comparison["intrinsic_dimension"].values[rows]), family_codes(owners))
    if len(logs) < 3 or np.ptp(logs) == 0:
        return NAN
    low, high = jackknife_interval_over_families(lambda kept: math.log(np.std(logs[kept], ddof=1)), len(logs))
    value, *ends = (math.exp(BAND * spread) for spread in (np.std(logs, ddof=1), math.exp(low), math.exp(high)))
    return Estimate(value, ends[0], ends[1], len(logs), df=len(logs) - 1)


def dimension_order(comparison: xr.Dataset) -> Estimate:
    """Correlate the dimension with the order of the architectures over families."""
    from hyle.engine.analysis import correlate_models

    rows = real(comparison)
    kinds = [str(comparison["architecture"].values[i]) for i in rows]
    order = [float(ARCHITECTURES.index(kind)) if kind in ARCHITECTURES else math.nan for kind in kinds]
    values = np.log(comparison["intrinsic_dimension"].values[rows])
    test = correlate_models(values, order, np.array(families(comparison))[rows])
    return Estimate(test.value, test.low, test.high, test.families, test.p)


def _of_dimensions(comparison: xr.Dataset, statistic: Callable[[np.ndarray], float]) -> Estimate:
    """Return a statistic of the mean log dimensions of the families; its interval is symmetric on the log scale."""
    from hyle.engine.analysis import family_codes, family_means, jackknife_interval_over_families

    rows = real(comparison)
    owners = np.array(families(comparison))[rows]
    logs = family_means(np.log(comparison["intrinsic_dimension"].values[rows]), family_codes(owners))
    ends = jackknife_interval_over_families(lambda kept: math.log(statistic(logs[kept])), len(logs))
    low, high = (math.exp(end) for end in ends)
    return Estimate(statistic(logs), low, high, len(logs), df=len(logs) - 1)
