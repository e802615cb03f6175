"""How the agreement of models changes with the distance of samples from reference samples, or another dose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..base import InputError, t_quantile
from ..comparison import compare
from ._matrix import beyond_chance
from .contrast import redraw
from .families import family_codes, family_means
from .family_pairs import mean_over_pairs
from .shift import degree_of_shift

# Fewest groups of the reference samples and of a bin, 80 % of which are compared.
MIN_GROUPS = 25


@dataclass(frozen=True)
class Response:
    """The alignment of models on the reference samples and in each bin of the shifted samples.

    Args:
        metric: its name; values are alignment beyond chance, so that higher is more similar.
        values: [1 + b], mean over pairs of different families: on random reference samples, then in the bins from the
            nearest to the farthest.
        sd: [1 + b], standard deviation over the redraws of samples.
        slope: mean change from one bin to the next, by a straight line through the bins without the reference.
        low: lower end of its 95 % interval over families and samples; NaN for fewer than six families.
        high: upper end.
        controls: name -> [1 + b], mean alignment of a control with the models.
    """

    metric: str
    values: np.ndarray
    sd: np.ndarray
    slope: float
    low: float
    high: float
    controls: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class DoseResponse:
    """Alignment against the distance from reference samples.

    Args:
        dose: [q], of each shifted sample: as given, or else the mean over families of the logarithm of its distance
            from the reference samples, divided by that of the reference samples from each other; 0 for no shift.
        bins: [b, 2], the lowest and the highest dose of each bin.
        n: number of samples of each comparison.
        k: number of neighbours.
        redraws: number of random subsets.
        models: number of models, without controls.
        families: number of families.
        responses: one for each metric.
    """

    dose: np.ndarray
    bins: np.ndarray
    n: int
    k: int
    redraws: int
    models: int
    families: int
    responses: tuple[Response, ...]


def dose_response(
    reference: Mapping[str, Any],
    shifted: Mapping[str, Any],
    metrics: Sequence[str] = ("cknna",),
    /,
    *,
    families: Mapping[str, str] | None = None,
    controls: Sequence[str] = (),
    shifted_groups: Sequence[Any] | None = None,
    reference_groups: Sequence[Any] | None = None,
    dose: Any = None,
    bins: int = 4,
    k: int = 10,
    redraws: int = 10,
    seed: int = 0,
) -> DoseResponse:
    """Compare the alignment of models in bins of samples by their distance from reference samples, or another dose.

    All comparisons are of one number of samples, no two of one group: 80 % of the groups of the smallest bin, or of the
    reference samples if these are fewer. Samples of a bin are more alike than random ones, which changes scores by
    itself. The slope is therefore over the bins only, and controls that know nothing but the composition, or were never
    trained, show what every representation does.

    Args:
        reference: name -> [n, d], embeddings of the samples in distribution.
        shifted: name -> [q, d], embeddings of the other samples by the same models and controls.
        metrics: names of pair metrics.
        families: name -> family, empty for a family of its own; default: each model is a family of its own.
        controls: names that are controls; they have no part in the dose and in the mean of the models.
        shifted_groups: [q], such as the material that a sample is a state of; default: each sample is a group.
        reference_groups: [n]; a label that is also in ``shifted_groups`` is of the same material, and the distance of a
            sample is that from other materials.
        dose: [q] numbers, such as the size of each shifted sample; default: its distance, see `DoseResponse`.
        bins: number of bins of about equally many shifted samples; samples of one dose are in one bin, so that there
            can be fewer.
        k: number of neighbours; less where n is small.
        redraws: number of random subsets of the reference samples and of each bin.
        seed: of the subsets.

    The variance of the slope over families, by the delete-a-family jackknife, and that over samples, which all models
    share, by the delete-d jackknife in each bin, are added.

    Cost: (1 + bins) x redraws comparisons of n samples, and a neighbour search in each model.

    Raises:
        ValueError: fewer than two models in both sets, fewer than 25 groups of reference samples or in a bin, or doses
            that are not q finite numbers, at least two of them different.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> maps = {name: rng.normal(size=(3, 8)) for name in "abcdef"}
        >>> near, far = rng.normal(size=(100, 3)), rng.normal(size=(200, 3)) + 3
        >>> rows = [{name: x @ each for name, each in maps.items()} for x in (near, far)]
        >>> found = dose_response(*rows, redraws=2)
        >>> found.bins.shape, len(found.responses[0].values)
        ((4, 2), 5)
    """
    names = [name for name in reference if name in shifted]
    models = [name for name in names if name not in controls]
    if len(models) < 2:
        raise InputError(f"the sets share {len(models)} models, and at least two are needed")
    sets = [{name: np.asarray(one[name]) for name in names} for one in (reference, shifted)]
    codes = family_codes(None if families is None else [families.get(name, "") for name in models], len(models))
    if dose is None:
        both = [[one[name] for name in models] for one in sets]
        dose = _distance(both[0], both[1], codes, k, reference_groups, shifted_groups)
    dose = np.asarray(dose, np.float64)
    q = len(sets[1][models[0]])
    if dose.shape != (q,) or not np.isfinite(dose).all() or np.ptp(dose) == 0:
        raise InputError(f"dose must be {q} finite numbers, one of each shifted sample, and not all the same")
    order = _in_bins(dose, bins)
    bins = len(order)
    labels = [
        np.arange(len(next(iter(one.values())))) if given is None else np.unique(given, return_inverse=True)[1]
        for one, given in zip(sets, (reference_groups, shifted_groups), strict=True)
    ]
    counts = [len(np.unique(labels[0])), *(len(np.unique(labels[1][rows])) for rows in order)]
    if counts[0] < MIN_GROUPS:
        raise InputError(f"there are {counts[0]} groups of reference samples, and at least {MIN_GROUPS} are needed")
    smallest = min(counts)
    if smallest < MIN_GROUPS:
        raise InputError(
            f"{smallest} groups of samples are too few in a bin, and at least {MIN_GROUPS} are needed: use fewer bins, "
            "or more samples"
        )
    n = 4 * smallest // 5
    k = min(k, n // 4)
    generator = np.random.default_rng(seed)
    at = [names.index(name) for name in models]

    def aligned(rows_of: Mapping[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
        comparison = compare({name: x[rows] for name, x in rows_of.items()}, metrics=list(metrics), k=k)
        return np.stack([beyond_chance(comparison, metric) for metric in metrics])

    tables = [redraw(partial(aligned, sets[0]), labels[0], n, redraws, generator)]
    for rows in order:
        own = {name: x[rows] for name, x in sets[1].items()}
        tables.append(redraw(partial(aligned, own), labels[1][rows], n, redraws, generator))
    values = np.stack(tables)  # [1 + b, redraws, metric, m, m]
    place = np.arange(bins) - (bins - 1) / 2
    responses = []
    for index, metric in enumerate(metrics):
        of_models = values[:, :, index][..., at, :][..., at]
        means = np.array([[mean_over_pairs(one, codes).value for one in draws] for draws in of_models])
        weights = place / (place**2).sum()
        slope = mean_over_pairs(np.tensordot(weights, of_models[1:].mean(1), 1), codes)
        low, high = _with_samples(slope, weights, means[1:], n, counts[1:], len(np.unique(codes)))
        beside = {
            name: np.array(
                [family_means(draws.mean(0)[names.index(name), at], codes).mean() for draws in values[:, :, index]]
            )
            for name in controls
            if name in names
        }
        responses.append(Response(metric, means.mean(1), means.std(1, ddof=1), slope.value, low, high, beside))
    ends = np.array([[dose[rows].min(), dose[rows].max()] for rows in order])
    return DoseResponse(dose, ends, n, k, redraws, len(models), len(np.unique(codes)), tuple(responses))


def _distance(
    reference: Sequence[np.ndarray],
    shifted: Sequence[np.ndarray],
    families: np.ndarray,
    k: int,
    reference_groups: Sequence[Any] | None,
    shifted_groups: Sequence[Any] | None,
) -> np.ndarray:
    """Return the dose [q] by distance, see `DoseResponse`."""
    nearest = len(reference[0]) - 1 - (reference_groups is not None and shifted_groups is not None)
    if reference_groups is not None:
        nearest -= int(np.unique(reference_groups, return_counts=True)[1].max()) - 1
    distances = [
        degree_of_shift(
            x,
            y,
            k=min(k, nearest),
            groups=reference_groups,
            shifted_groups=None if reference_groups is None else shifted_groups,
        ).distance
        for x, y in zip(reference, shifted, strict=True)
    ]
    with np.errstate(divide="ignore"):  # a sample that is also a reference sample
        logs = np.log(np.stack(distances))
    return np.asarray(family_means(np.maximum(logs, np.log(1e-6)).T, families).mean(1))


def _in_bins(dose: np.ndarray, bins: int) -> list[np.ndarray]:
    """Return the samples of each bin, by rising dose: bins of about one size that end where the dose changes."""
    order = np.argsort(dose, kind="stable")
    changes = 1 + np.flatnonzero(np.diff(dose[order]))
    sizes = [len(part) for part in np.array_split(order, bins)]
    ends = {int(changes[np.abs(changes - wanted).argmin()]) for wanted in np.cumsum(sizes)[:-1]}
    return np.split(order, sorted(ends))


def _with_samples(
    slope: Any, weights: np.ndarray, means: np.ndarray, n: int, groups: Sequence[int], families: int
) -> tuple[float, float]:
    """Return the 95 % interval of a slope over families and samples.

    Its degrees of freedom are those of Welch and Satterthwaite.

    Args:
        slope: with its interval over families.
        weights: [b], of the bins in the slope.
        means: [b, redraws], on subsets of n groups; see `redraw_error`.
        n: number of samples of a subset.
        groups: [b], number of groups in each bin.
        families: their number.
    """
    if not np.isfinite(slope.low):
        return slope.low, slope.high
    redraws = means.shape[1]
    of_samples = [
        (weight**2 * float(np.var(values, ddof=1)) * (n / (count - n) + 1 / redraws), redraws - 1)
        for weight, values, count in zip(weights, means, groups, strict=True)
    ]
    over_families = (slope.high - slope.low) / 2 / t_quantile(0.975, families - 1)
    parts = [(over_families**2, families - 1), *of_samples]
    variance, squares = sum(part for part, _ in parts), sum(part**2 / df for part, df in parts)
    if squares == 0:
        return slope.value, slope.value
    half_width = t_quantile(0.975, variance**2 / squares) * variance**0.5
    return slope.value - half_width, slope.value + half_width
