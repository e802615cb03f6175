"""How the alignment of the same models differs between two sets of samples, at one number of samples and neighbours."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from ..base import InputError, t_quantile
from ..comparison import compare
from ._matrix import beyond_chance
from .families import count_families, family_codes, family_means
from .family_pairs import mean_over_pairs

MIN_SAMPLES = 10


@dataclass(frozen=True)
class Contrast:
    """Difference of the mean alignment of the same models between two sets, over redraws of equally many samples.

    Args:
        metric: its name; values are given as alignment beyond chance, so that higher is more similar.
        inside: mean over pairs of different families on the first set, over the redraws; over pairs of models for a
            single family.
        outside: the same on the second set.
        low: lower end of the 95 % interval of outside - inside over samples, by the delete-d jackknife.
        high: upper end.
        error: standard error of outside - inside over samples.
        df: its degrees of freedom.
        family_low: lower end of the 95 % interval over families, by the delete-a-family jackknife of the mean
            difference of each pair; NaN for fewer than six families.
        family_high: upper end.
        n: number of samples in each redraw of each set, one of each group.
        groups: number of groups of samples in the first and in the second set.
        k: number of neighbours.
        redraws: number of redraws.
        models: number of models.
        families: number of families.
        controls: name -> mean alignment of a control with the models on the first and on the second set, over families
            and redraws.
    """

    metric: str
    inside: float
    outside: float
    low: float
    high: float
    error: float
    df: float
    family_low: float
    family_high: float
    n: int
    groups: tuple[int, int]
    k: int
    redraws: int
    models: int
    families: int
    controls: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def contrast(
    inside: Mapping[str, Any],
    outside: Mapping[str, Any],
    metrics: Sequence[str] = ("cknna",),
    /,
    *,
    inside_groups: Sequence[Any] | None = None,
    outside_groups: Sequence[Any] | None = None,
    paired: bool = False,
    families: Mapping[str, str] | None = None,
    controls: Sequence[str] = (),
    n: int | None = None,
    k: int = 10,
    redraws: int = 20,
    seed: int = 0,
) -> list[Contrast]:
    """Compare the alignment of the same models on two sets, each time on n samples of each, one of each group.

    A score depends on the number of samples and of neighbours, and near copies among the samples raise it. Both sets
    are therefore measured on random subsets of one size, in which no two samples are of one group.

    Args:
        inside: name -> [n_inside, d], embeddings of the first set; models that are not in both are excluded.
        outside: name -> [n_outside, d], embeddings of the second set by the same models.
        metrics: names of pair metrics.
        inside_groups: [n_inside], such as the material that a sample is a state of; default: each sample is a group.
        outside_groups: [n_outside].
        paired: whether row i of both sets is the same sample in two states, such as a crystal before and after a change
            of its geometry. The same samples are then drawn in both sets, so that what they have in common cancels.
        families: name -> family, empty for a family of its own; default: each model is a family of its own.
        controls: names that are controls and have no part in the mean, such as a representation that knows only the
            composition.
        n: number of samples in each redraw; default: half of the groups of the set that has fewer.
        k: number of neighbours; less where n is small.
        redraws: number of subsets of each set.
        seed: of the subsets.

    The interval over samples is that of the delete-d jackknife, see `redraw_error`.
    Source: Shao & Wu (1989), Annals of Statistics 17, 1176.
    Cost: 2 x redraws comparisons of n samples.

    Raises:
        ValueError: fewer than two models in both, fewer than ten samples, n is not below the number of groups, or
            pairs of different numbers of samples or of other groups.
    """
    names = [name for name in inside if name in outside and name not in controls]
    beside = [name for name in controls if name in inside and name in outside]
    if len(names) < 2:
        raise InputError(f"the sets share {len(names)} models, and at least two are needed")
    sets = [{name: np.asarray(one[name]) for name in (*names, *beside)} for one in (inside, outside)]
    codes = [
        np.arange(len(next(iter(one.values())))) if labels is None else np.unique(labels, return_inverse=True)[1]
        for one, labels in zip(sets, (inside_groups, outside_groups), strict=True)
    ]
    if paired and not np.array_equal(codes[0], codes[1]):
        raise InputError(
            f"the sets are not pairs: they have {len(codes[0])} and {len(codes[1])} samples, or other groups"
        )
    groups = (len(np.unique(codes[0])), len(np.unique(codes[1])))
    n = min(groups) // 2 if n is None else n
    if n < MIN_SAMPLES or n >= min(groups):
        raise InputError(
            f"{n} samples of {groups[0]} and {groups[1]} groups: take at least {MIN_SAMPLES}, and fewer than the groups"
        )
    k = min(k, n // 4)
    generators = [np.random.default_rng(seed)] * 2
    if paired:
        generators[1] = np.random.default_rng(seed)  # which draws the same samples again
    values = [
        redraw(partial(_alignment, one, metrics, k), of_set, n, redraws, generator)
        for one, of_set, generator in zip(sets, codes, generators, strict=True)
    ]
    of_family = family_codes(None if families is None else [families.get(name, "") for name in names], len(names))
    results = []
    for index, metric in enumerate(metrics):
        with_controls = [one[:, index] for one in values]
        first, second = (one[:, : len(names), : len(names)] for one in with_controls)
        change = mean_over_pairs((second - first).mean(0), of_family)
        scores = [np.array([_mean(matrix, of_family) for matrix in one]) for one in (first, second)]
        samples = [scores[1] - scores[0]] if paired else scores
        error, df = (float(one) for one in redraw_error(samples, n, groups[: len(samples)]))
        difference, half_width = float(scores[1].mean() - scores[0].mean()), t_quantile(0.975, df) * error
        results.append(
            Contrast(
                metric,
                float(scores[0].mean()),
                float(scores[1].mean()),
                difference - half_width,
                difference + half_width,
                error,
                df,
                change.low,
                change.high,
                n,
                groups,
                k,
                redraws,
                len(names),
                count_families(of_family),
                {name: _with_models(with_controls, len(names) + at, of_family) for at, name in enumerate(beside)},
            )
        )
    return results


def redraw(
    statistic: Callable[[np.ndarray], Any], groups: np.ndarray, n: int, redraws: int, generator: np.random.Generator
) -> np.ndarray:
    """Return a statistic of the rows of random subsets [redraws, ...]: n groups without replacement, one row of each.

    Args:
        statistic: of the indices of the rows, [n].
        groups: [rows], the group of each row.
        n: number of groups in each subset.
        redraws: number of subsets.
        generator: of the subsets.
    """
    order = np.argsort(groups, kind="stable")
    starts, sizes = np.unique(groups[order], return_index=True, return_counts=True)[1:]
    values = []
    for _ in range(redraws):
        chosen = generator.choice(len(starts), n, replace=False)
        member = (generator.random(n) * sizes[chosen]).astype(np.int64)
        values.append(statistic(np.sort(order[starts[chosen] + member])))
    return np.array(values)


def redraw_error(values: Sequence[np.ndarray], n: int, groups: Sequence[int]) -> tuple[Any, Any]:
    """Return the standard error of a difference of means over redraws of two sets, and its degrees of freedom.

    The variance over subsets of n of g groups, times n / (g - n), is that of the statistic of all groups, scaled to g
    groups (delete-d jackknife). The mean over redraws adds the variance over these, divided by their number.

    Args:
        values: of each set [redraws, ...], on subsets of n groups.
        n: number of groups in each subset.
        groups: number of groups of each set.
    """
    redraws = len(values[0])
    parts = [np.var(one, axis=0, ddof=1) * (n / (g - n) + 1 / redraws) for one, g in zip(values, groups, strict=True)]
    total, squares = np.sum(parts, 0), np.sum(np.square(parts), 0)
    # Welch and Satterthwaite
    return np.sqrt(total), np.divide(
        total**2 * (redraws - 1), squares, out=np.full(np.shape(total), math.inf), where=squares > 0
    )


def _alignment(rows_of: Mapping[str, np.ndarray], metrics: Sequence[str], k: int, rows: np.ndarray) -> np.ndarray:
    """Return the alignment beyond chance [metric, m, m] on some of the rows."""
    comparison = compare({name: array[rows] for name, array in rows_of.items()}, metrics=list(metrics), k=k)
    return np.stack([beyond_chance(comparison, metric) for metric in metrics])


def _with_models(values: Sequence[np.ndarray], at: int, families: np.ndarray) -> tuple[float, float]:
    """Return the mean alignment of the control at this place with the models, on both sets."""
    first, second = (family_means(one[:, at, : len(families)].mean(0), families).mean() for one in values)
    return float(first), float(second)


def _mean(matrix: np.ndarray, families: np.ndarray) -> float:
    if count_families(families) > 1:
        return mean_over_pairs(matrix, families).value
    return float(np.nanmean(matrix[np.triu_indices(len(matrix), 1)]))
