"""What the samples with high or low scores have in common: enrichment of descriptors, with groups as the units."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base import InputError
from .group_exchange import exchanges
from .rank_effects import clustered_interval, middle_ranks, rank_biserial, spearman
from .sample_null import adjusted

PERMUTATIONS = 9999
# Permuted numbers, samples times permutations, beyond which fewer permutations are drawn, and the fewest.
MAX_PERMUTED, MIN_PERMUTATIONS = 200_000_000, 999
# A descriptor of which less than this share is left, given others, says nothing new.
MIN_REMAINDER = 0.05
# Of correlations that no exchange of groups changes.
ROUNDING = 1e-9
# Of descriptors whose standardised association is at least this share of the largest, the first is chosen.
NEARLY = 0.95


@dataclass(frozen=True)
class Enrichment:
    """The association of one descriptor with a score.

    Args:
        name: of the descriptor.
        binary: whether it is present or absent.
        effect: rank-biserial correlation for a binary descriptor, else Spearman's correlation; -1 to 1, above 0 where
            the score is higher with the descriptor, or with more of it.
        low: lower end of its 95 % interval, with groups as the units; NaN for fewer than four.
        high: upper end.
        p: two-sided, by exchange of whole groups.
        q: p adjusted over all tested descriptors for the false discovery rate (Benjamini & Hochberg 1995).
        n_with: samples that have a binary descriptor; samples with a value of a numeric one.
        n_without: samples that lack a binary descriptor; 0 for a numeric one.
        groups_with: groups of the samples that are counted by `n_with`.
        groups_without: groups of those that are counted by `n_without`.
        median_with: median score with the descriptor; of a numeric one, of the third with the highest values. Where
            more than a third of the samples have the most frequent value, of the samples with another value, or of
            those with this value if it is the highest.
        median_without: median score without it; of a numeric one, of the third with the lowest values, or of the other
            samples.
    """

    name: str
    binary: bool
    effect: float
    low: float
    high: float
    p: float
    q: float
    n_with: int
    n_without: int
    groups_with: int
    groups_without: int
    median_with: float
    median_without: float


@dataclass(frozen=True)
class EnrichmentStep:
    """One descriptor that explains what those before it leave.

    Args:
        name: of the descriptor.
        given: names of the descriptors that were chosen before.
        partial: its rank correlation with the score, given these: the correlation of the residuals of both in a
            regression of the ranks.
        low: lower end of the 95 % interval of `partial`, with groups as the units; the ranks count as given.
        high: upper end.
        p: two-sided, by exchange of the residuals of whole groups.
        q: p adjusted over all descriptors that were not chosen before.
    """

    name: str
    given: tuple[str, ...]
    partial: float
    low: float
    high: float
    p: float
    q: float


@dataclass(frozen=True)
class Enrichments:
    """Which descriptors go with a score.

    Args:
        tested: every tested descriptor, sorted by q, then by the size of the effect.
        steps: the descriptors that are chosen one after the other, each significant given those before it.
        untested: name -> why a descriptor is not tested.
        n: samples with a score.
        groups: number of their groups.
        alpha: false discovery rate at which steps are chosen.
        permutations: number of exchanges; no p is below 1 / (1 + permutations).
    """

    tested: tuple[Enrichment, ...]
    steps: tuple[EnrichmentStep, ...]
    untested: Mapping[str, str]
    n: int
    groups: int
    alpha: float
    permutations: int

    def __getitem__(self, name: str) -> Enrichment:
        """Return the result of one tested descriptor; KeyError if it was not tested."""
        for each in self.tested:
            if each.name == name:
                return each
        raise KeyError(name)

    @property
    def significant(self) -> tuple[Enrichment, ...]:
        """The descriptors with q at most alpha."""
        return tuple(each for each in self.tested if each.q <= self.alpha)


def enrichment(
    scores: Any,
    descriptors: Mapping[str, Any],
    /,
    *,
    binary: Collection[str] | None = None,
    groups: Sequence[Any] | None = None,
    alpha: float = 0.05,
    min_groups: int = 5,
    max_steps: int = 5,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Enrichments:
    """Find the descriptors that go with a score of samples, such as their agreement between models.

    Effects are rank correlations, so that neither the distribution of the score nor outliers matter. The units are
    groups of samples: p-values come from exchanges of whole groups of similar size (`group_exchange.exchanges`), and
    intervals from sums over groups. The test is of no association at all given the sizes of the groups, whether it
    comes from differences between groups or within them. p-values are adjusted for the number of tested descriptors.

    The steps say what each descriptor adds. The most significant one is chosen first, or one that is nearly as
    significant and comes earlier in the mapping, so that plain descriptors are best put first. The ranks of the score
    and of all other descriptors are regressed on it, and the residuals are tested in the same way (Freedman & Lane
    1983, Journal of Business & Economic Statistics 1, 292), until none is significant. The q of a later step holds
    given that the earlier ones were chosen.

    Args:
        scores: [n]; samples without a finite score are excluded.
        descriptors: name -> [n] numbers, NaN where not defined.
        binary: names of the descriptors that are 0 or 1; default: those with no other values.
        groups: n labels of samples that are not independent; default: each sample is a group of its own.
        alpha: false discovery rate, between 0 and 1, for the steps.
        min_groups: a binary descriptor is tested if at least so many groups have it and at least so many lack it; a
            numeric one if at least so many have another value than the most frequent one.
        max_steps: the largest number of steps.
        permutations: number of exchanges; fewer, but at least 999, where n times this exceeds 2e8.
        seed: of the exchanges.

    A descriptor that separates the samples as an earlier one does is not tested again.

    Raises:
        ValueError: lengths differ, alpha or a number is out of range, or fewer than ``2 min_groups`` groups have a
            score.

    Cost: O((d + 1) n permutations) for d descriptors and for each step.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> nitro, size = rng.random(200) < 0.2, rng.normal(size=200)
        >>> found = enrichment(rng.normal(size=200) - nitro, {"nitro": nitro, "size": size}, permutations=999)
        >>> [step.name for step in found.steps], found["nitro"].effect < -0.3
        (['nitro'], True)
    """
    y = np.asarray(scores, np.float64)
    if y.ndim != 1:
        raise InputError(f"scores must be [n]; got shape {y.shape}")
    if not 0 < alpha < 1 or min_groups < 2 or max_steps < 0 or permutations < 1:
        raise InputError(
            f"alpha={alpha} must be between 0 and 1, min_groups={min_groups} at least 2, max_steps={max_steps} at "
            f"least 0 and permutations={permutations} at least 1"
        )
    if groups is not None and len(groups) != len(y):
        raise InputError(f"{len(groups)} groups for {len(y)} scores")
    kept = np.isfinite(y)
    labels = np.arange(len(y)) if groups is None else np.array([str(label) for label in groups])
    codes = np.unique(labels[kept], return_inverse=True)[1]
    y, count = y[kept], len(np.unique(codes))
    if count < 2 * min_groups:
        unit = "samples" if groups is None else "groups of samples"
        raise InputError(f"{count} {unit} have a score, and at least {2 * min_groups} are needed")
    columns, untested = {}, {}
    for name, values in descriptors.items():
        x = np.asarray(values, np.float64)
        if x.shape != kept.shape:
            raise InputError(f"descriptor {name!r} has shape {x.shape}, but there are {len(kept)} scores")
        unit = "sample" if groups is None else "group"
        reason = _reason(x[kept], _is_binary(name, x[kept], binary), codes, min_groups, unit)
        if reason:
            untested[name] = reason
        else:
            columns[name] = x[kept]
    _leave_out_copies(columns, untested)
    names = list(columns)
    if not names or np.ptp(y) == 0:
        untested |= dict.fromkeys(names, "all scores are equal")
        return Enrichments((), (), untested, len(y), count, alpha, 0)
    permutations = min(permutations, max(MIN_PERMUTATIONS, MAX_PERMUTED // len(y)))

    rows = np.stack([_unit(x) for x in columns.values()])
    z, p = _test(rows, _unit(y), codes, permutations, seed)
    q = adjusted(p)
    tested = [
        _effect(name, x, y, codes, _is_binary(name, x, binary), float(p[i]), float(q[i]))
        for i, (name, x) in enumerate(columns.items())
    ]
    steps = _steps(names, rows, _unit(y), codes, (z, p, q), alpha, max_steps, permutations, seed)
    tested.sort(key=lambda each: (each.q, -abs(each.effect)))
    return Enrichments(tuple(tested), tuple(steps), untested, len(y), count, alpha, permutations)


def _is_binary(name: str, x: np.ndarray, binary: Collection[str] | None) -> bool:
    if binary is not None:
        return name in binary
    return bool(np.isin(x[np.isfinite(x)], (0, 1)).all())


def _reason(x: np.ndarray, is_binary: bool, codes: np.ndarray, min_groups: int, unit: str) -> str:
    """Return why a descriptor cannot be tested, "" if it can."""
    known = np.isfinite(x)
    if not known.any():
        return "no value"
    values, counts = np.unique(x[known], return_counts=True)
    if len(values) < 2:
        return "the same for all samples"
    if is_binary and len(values) > 2:
        return "more than two values, though it is said to be binary"
    sides = (x == values[-1], x == values[0]) if is_binary else (known & (x != values[counts.argmax()]),)
    fewest = min(len(np.unique(codes[side])) for side in sides)
    if fewest >= min_groups:
        return ""
    return f"only {fewest} {unit}{'s' * (fewest != 1)} on one side, and {min_groups} are needed"


def _leave_out_copies(columns: dict[str, np.ndarray], untested: dict[str, str]) -> None:
    """Remove the columns that order all samples as an earlier one does, or in reverse."""
    first: dict[bytes, str] = {}
    for name, x in list(columns.items()):
        ranks = np.round(_unit(x), 9) + 0.0
        keys = [ranks.tobytes(), (0.0 - ranks).tobytes()]
        known = next((first[key] for key in keys if key in first), None)
        if known is not None:
            untested[name] = f"it separates the samples as {known!r} does"
            del columns[name]
        first.setdefault(keys[0], name)


def _unit(x: np.ndarray) -> np.ndarray:
    """Return the ranks of x [n], centred, of length 1; 0 where x is not defined."""
    known = np.isfinite(x)
    ranks = np.zeros(len(x))
    ranks[known] = middle_ranks(x[known]) - 0.5
    length = math.sqrt(float((ranks**2).sum()))
    return ranks / length if length else ranks


def _test(
    rows: np.ndarray, y: np.ndarray, codes: np.ndarray, permutations: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Compare inner products of rows [d, n] and y [n] with those under exchanges of the groups of y.

    Returns:
        Standardised inner products and two-sided p-values, [d] each.
    """
    generator = np.random.default_rng([seed, len(y)])
    null = np.concatenate([y[orders] @ rows.T for orders in exchanges(codes, permutations, generator)])
    observed = rows @ y
    # Groups of other sizes do not change places, so that the mean is not 0 where the descriptor goes with the size.
    centre = (null.sum(0) + observed) / (len(null) + 1)
    distance = np.abs(observed - centre)
    at_least = (np.abs(null - centre) >= distance * (1 - 1e-9)).sum(0)
    spread = null.std(0)
    varies = spread > ROUNDING
    z = np.where(varies, (observed - centre) / np.where(varies, spread, 1), 0)
    return z, np.where(varies, (1 + at_least) / (1 + len(null)), 1.0)


def _effect(
    name: str, x: np.ndarray, y: np.ndarray, codes: np.ndarray, is_binary: bool, p: float, q: float
) -> Enrichment:
    known = np.isfinite(x)
    x, y, codes = x[known], y[known], codes[known]

    def groups(chosen: np.ndarray) -> int:
        return len(np.unique(codes[chosen]))

    def units(chosen: np.ndarray) -> float:
        """Return the number of groups of equal size that would vary as much as these do."""
        sizes = np.bincount(codes[chosen])
        return float(sizes.sum() ** 2 / (sizes**2).sum())

    if is_binary:
        has = x == x.max()
        high, low = has, ~has
        effect, influence = rank_biserial(y, has)
        counts, sides = (int(has.sum()), int((~has).sum())), (groups(has), groups(~has))
        fewest = min(units(has), units(~has))
    else:
        values, repeats = np.unique(x, return_counts=True)
        most = values[repeats.argmax()]
        if 3 * repeats.max() > len(x):
            high = (x == most) if most == values[-1] else (x != most)
            low = ~high
        else:
            lower, upper = np.quantile(x, (1 / 3, 2 / 3))
            high, low = x >= upper, x <= lower
        effect, influence = spearman(y, x)
        every = np.ones(len(x), bool)
        counts, sides, fewest = (len(x), 0), (groups(every), 0), units(every)
    ends = clustered_interval(effect, influence, codes, fewest)
    return Enrichment(
        name, is_binary, effect, *ends, p, q, *counts, *sides, float(np.median(y[high])), float(np.median(y[low]))
    )


def _steps(
    names: Sequence[str],
    rows: np.ndarray,
    y: np.ndarray,
    codes: np.ndarray,
    first: tuple[np.ndarray, np.ndarray, np.ndarray],
    alpha: float,
    max_steps: int,
    permutations: int,
    seed: int,
) -> list[EnrichmentStep]:
    """Choose descriptors one after the other; ``first`` has z, p and q [d] without any other descriptor."""
    steps: list[EnrichmentStep] = []
    left = np.arange(len(names))
    original = (rows**2).sum(1)
    z, p, q = first
    while len(steps) < max_steps:
        significant = np.flatnonzero(q <= alpha)
        if not len(significant):
            break
        size = np.abs(z[significant])
        best = int(significant[size >= NEARLY * size.max()][0])
        x = rows[left[best]] / math.sqrt(float((rows[left[best]] ** 2).sum()))
        partial, ends = _partial(x, y, codes)
        given = tuple(step.name for step in steps)
        steps.append(EnrichmentStep(names[left[best]], given, partial, *ends, float(p[best]), float(q[best])))
        rows = rows - np.outer(rows @ x, x)
        y = y - (y @ x) * x
        left = np.delete(left, best)
        left = left[(rows[left] ** 2).sum(1) > MIN_REMAINDER * original[left]]
        if not len(left) or len(steps) == max_steps:
            break
        z, p = _test(rows[left], y, codes, permutations, seed + len(steps))
        q = adjusted(p)
    return steps


def _partial(x: np.ndarray, y: np.ndarray, codes: np.ndarray) -> tuple[float, tuple[float, float]]:
    """Correlate residuals [n] whose means are 0, with an interval by groups."""
    y = y / math.sqrt(float((y**2).sum()))
    correlation = float(x @ y)
    influence = len(x) * (x * y - correlation * (x * x + y * y) / 2)
    return correlation, clustered_interval(correlation, influence, codes, len(np.unique(codes)))
