"""Whether models lose information on single samples, in particular far from reference samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from ..base import InputError, check_k, matrix, t_quantile
from ..gram import prepare
from ..neighbours import find_table
from .contrast import redraw, redraw_error
from .families import family_codes, family_means

# Samples that are compared with each other at most, since all of their distances are sorted.
MAX_TOGETHER = 2000
# Fewest groups of samples of each set.
MIN_SAMPLES = 40
# Share of the reference samples around which the dimension counts as low.
TAIL = 0.05


class Interval(NamedTuple):
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


class SampleCollapse(NamedTuple):
    """Loss of information and local dimension of each sample in m models.

    Values of single samples are means over the redraws that they are in; NaN for a sample that is in none.

    Args:
        reference_loss: [m, n], see `information_loss`.
        shifted_loss: [m, q].
        reference_dimension: [m, n], see `local_dimension`.
        shifted_dimension: [m, q].
        loss: m intervals of the mean loss of the shifted samples minus that of the reference samples.
        dimension: m intervals of the median dimension of the shifted samples divided by that of the reference samples.
        mean_dimension: the same for the panel, the geometric mean over families.
        share: [m], the share of the shifted samples around which the dimension is below that around 95 % of the
            reference samples, on average over the redraws; 0.05 without a change.
        together: number of samples that were compared with each other, no two of one group.
        error: standard error of the logarithm of `mean_dimension`.
        df: degrees of freedom of that error.
        loss_df: [m], degrees of freedom of the errors of the mean losses.
    """

    reference_loss: np.ndarray
    shifted_loss: np.ndarray
    reference_dimension: np.ndarray
    shifted_dimension: np.ndarray
    loss: tuple[Interval, ...]
    dimension: tuple[Interval, ...]
    mean_dimension: Interval
    share: np.ndarray
    together: int
    error: float
    df: float
    loss_df: np.ndarray


def information_loss(
    representations: Sequence[Any], /, *, families: Sequence[str] | None = None, k: int = 10
) -> np.ndarray:
    """Measure how much less a model tells of a sample than models of other families do.

    With ``D_i(a -> b)`` twice the mean rank, among the neighbours of sample i in b, of its k nearest neighbours in a,
    divided by n, the information imbalance of one sample, the loss in a is the mean of ``D_i(a -> b) - D_i(b -> a)``
    over models b of other families: in (-2, 2), positive where the neighbours in a are no neighbours in b, whereas
    those in b are neighbours in a.

    Args:
        representations: m matrices [n, d_m], row i of all being the same sample.
        families: [m] names, empty for a model that is a family of its own; default: each model is.
        k: number of neighbours, Euclidean, 1 <= k <= n - 1.

    Returns:
        float64 [m, n]. On average over models and samples the loss is 0: it compares models with each other.

    Cost O(m n^2 (d + log n) + m^2 n k), memory O(m n k).
    Source: information imbalance, Glielmo et al. (2022), PNAS Nexus 1, pgac039.

    Raises:
        ValueError: fewer than two families, or k is out of range.
    """
    rows = _checked(representations)
    codes = family_codes(families, len(rows))
    if len(np.unique(codes)) < 2:
        raise InputError("a loss is relative to models of other families: add a model of another family")
    check_k(k, len(rows[0]))
    return _loss_and_dimension(rows, codes, k)[0]


def local_dimension(representation: Any, /, *, k: int = 10, outside: Sequence[str] | None = None) -> np.ndarray:
    """Estimate the intrinsic dimension around each sample, [n], from the distances T_j to its k nearest neighbours.

    ``(k - 1) / sum_j log(T_k / T_j)``, without neighbours at distance 0; 0 where fewer than two others are left. Of a
    single sample the estimate varies by about 1 / sqrt(k), and above ten dimensions it is a lower bound.

    Args:
        representation: [n, d].
        k: number of neighbours, 3 <= k <= n - 1.
        outside: [n] labels: neighbours are samples with another label, such as those that are not states of the same
            material, near copies of which would lower the dimension.

    Cost O(n^2 d), memory O(n k).
    Source: Levina & Bickel (2004), Advances in Neural Information Processing Systems 17.

    Raises:
        ValueError: k is out of range.
    """
    (rows,) = _checked([representation])
    check_k(k, len(rows))
    if k < 3:
        raise InputError(f"k={k} neighbours are too few for a dimension: use 3 or more")
    where = None
    if outside is not None:
        where = np.unique(np.asarray(outside).astype(str), return_inverse=True)[1].astype(np.int32)
        if len(where) != len(rows):
            raise InputError(f"outside has {len(where)} labels for {len(rows)} samples")
        check_k(k, len(rows) - int(np.bincount(where).max()) + 1)
    table = find_table(prepare(jnp.asarray(rows)), k, "euclidean", where=where, measured=True)
    return _dimension(np.asarray(table.value, np.float64))


def sample_collapse(
    reference: Sequence[Any],
    shifted: Sequence[Any],
    /,
    *,
    families: Sequence[str] | None = None,
    k: int = 10,
    groups: tuple[Sequence[str] | None, Sequence[str] | None] = (None, None),
    redraws: int = 20,
    seed: int = 0,
) -> SampleCollapse:
    """Measure on which samples models lose information, out of distribution compared with in distribution.

    The local dimension tells on which samples a representation collapses: how many directions it has for the
    differences of a sample from those next to it. The loss tells whether a model has less information on the shifted
    samples than the others have; it is 0 where all models lose the same, and of single samples it is not more than a
    contribution to the mean: a model that gathers some of the samples in one place knows which samples these are.

    Ranks and dimensions depend on the number of samples, and near copies of a sample lower the dimension around it.
    Both sets are therefore measured on random subsets of one size, half of the groups of the smaller set and at most
    2,000, in which no two samples are of one group. Intervals are by the delete-d jackknife over these subsets, for
    these models.

    Args:
        reference: m matrices [n, d_m], row i of all being the same sample, in distribution.
        shifted: m matrices [q, d_m], the other samples in the same models.
        families: [m] names, empty for a model that is a family of its own; default: each model is.
        k: number of neighbours, 3 <= k < half of the number of groups of the smaller set.
        groups: labels of the samples of both sets that are not independent of each other, such as the states of one
            material; None where all are independent.
        redraws: number of random subsets of each set.
        seed: of the subsets.

    Source: delete-d jackknife, Shao & Wu (1989), Annals of Statistics 17, 1176.
    Cost O(r m s^2 (d + log s)) for r subsets of s samples.

    Raises:
        ValueError: fewer than two families or 40 groups of samples in a set, columns or numbers of models that differ,
            k is out of range, or most samples of a set have equal rows in a model.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> maps = [rng.normal(size=(6, 12)) for _ in range(4)]
        >>> near, far = rng.normal(size=(300, 6)), rng.normal(size=(300, 6)) * [1, 1, 0, 0, 0, 0] + 3
        >>> found = sample_collapse([near @ each for each in maps], [far @ each for each in maps])
        >>> found.mean_dimension.high < 0.7
        True
    """
    inside, outside = _checked(reference), _checked(shifted)
    if len(inside) != len(outside):
        raise InputError(f"the reference samples are in {len(inside)} models and the shifted in {len(outside)}")
    for at, (x, y) in enumerate(zip(inside, outside, strict=True)):
        if x.shape[1] != y.shape[1]:
            raise InputError(f"model {at} has {x.shape[1]} columns for reference and {y.shape[1]} for shifted samples")
    codes = family_codes(families, len(inside))
    if len(np.unique(codes)) < 2:
        raise InputError("a loss is relative to models of other families: add a model of another family")
    labels = [
        np.arange(len(rows[0])) if given is None else np.unique(np.asarray(given), return_inverse=True)[1]
        for rows, given in zip((inside, outside), groups, strict=True)
    ]
    counts = [len(np.unique(one)) for one in labels]
    if min(counts) < MIN_SAMPLES:
        raise InputError(
            f"{min(counts)} groups of samples are too few in one of the sets: at least {MIN_SAMPLES} are needed"
        )
    size = min(min(counts) // 2, MAX_TOGETHER)
    if not 3 <= k < size:
        raise InputError(f"k={k} is out of range for {size} samples at a time: use k from 3 to {size - 1}")
    generator, m = np.random.default_rng(seed), len(inside)
    drawn = [
        _redrawn(rows, codes, k, of_set, size, redraws, generator)
        for rows, of_set in zip((inside, outside), labels, strict=True)
    ]
    # Of each redraw the mean losses [m], and the logarithms of the median dimensions [m] and of the panel.
    value = drawn[1].statistics.mean(0) - drawn[0].statistics.mean(0)
    error, df = redraw_error([one.statistics for one in drawn], size, counts)
    half_width = t_quantile(0.975, df) * error
    low, high = value - half_width, value + half_width
    return SampleCollapse(
        drawn[0].loss,
        drawn[1].loss,
        drawn[0].dimension,
        drawn[1].dimension,
        tuple(Interval(*(float(ends[at]) for ends in (value, low, high))) for at in range(m)),
        tuple(_exp(value[at], low[at], high[at]) for at in range(m, 2 * m)),
        _exp(value[-1], low[-1], high[-1]),
        _share_below(drawn[0].within, drawn[1].within),
        size,
        float(error[-1]),
        float(df[-1]),
        df[:m],
    )


class _Drawn(NamedTuple):
    loss: np.ndarray  # [m, n], means over redraws
    dimension: np.ndarray  # [m, n]
    within: np.ndarray  # dimensions of the samples of each redraw, [redraws, m, size]
    statistics: np.ndarray  # [redraws, 2 m + 1]


def _share_below(reference: np.ndarray, shifted: np.ndarray) -> np.ndarray:
    """Return the share of the shifted dimensions [redraws, m, size] below the `TAIL` of the reference ones, [m].

    Redraw by redraw, because means over the redraws that a sample is in vary less for the set that is drawn more often.
    """
    # Of this quantile a new value is below with exactly this probability.
    threshold = np.quantile(reference, TAIL, axis=2, method="weibull")
    return np.asarray((shifted < threshold[:, :, None]).mean((0, 2)))


def _redrawn(
    rows: Sequence[np.ndarray],
    codes: np.ndarray,
    k: int,
    groups: np.ndarray,
    size: int,
    redraws: int,
    generator: np.random.Generator,
) -> _Drawn:
    """Measure random subsets of `size` groups, one sample of each.

    Raises:
        ValueError: half of the samples of a subset have a dimension of 0 in a model.
    """
    m, n = len(rows), len(rows[0])
    totals, times, within = np.zeros((2, m, n)), np.zeros(n), []

    def measured(chosen: np.ndarray) -> np.ndarray:
        loss, dimension = _loss_and_dimension([x[chosen] for x in rows], codes, k)
        totals[:, :, chosen] += [loss, dimension]
        times[chosen] += 1
        within.append(dimension)
        medians = np.median(dimension, axis=1)
        if not (medians > 0).all():
            at = int(np.argmin(medians))
            raise InputError(f"model {at} has equal rows for most samples of a set, and no dimension around them")
        logs = np.log(medians)
        return np.array([*loss.mean(1), *logs, family_means(logs, codes).mean()])

    statistics = redraw(measured, groups, size, redraws, generator)
    with np.errstate(invalid="ignore"):  # 0 / 0 for samples that were never drawn
        return _Drawn(totals[0] / times, totals[1] / times, np.stack(within), statistics)


def _checked(representations: Sequence[Any]) -> list[np.ndarray]:
    rows = [np.asarray(matrix(each, f"model {at}"), np.float64) for at, each in enumerate(representations)]
    for at, x in enumerate(rows):
        if len(x) != len(rows[0]):
            raise InputError(f"model {at} has {len(x)} rows and model 0 has {len(rows[0])}: all need the same samples")
        if not np.isfinite(x).all():
            raise InputError(f"model {at} has values that are NaN or infinite: remove these samples")
    return rows


def _loss_and_dimension(rows: Sequence[np.ndarray], codes: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the loss, NaN for a single family, and the local dimension of each sample, [m, n] each."""
    m, n = len(rows), len(rows[0])
    near, dimension = np.empty((m, n, k), np.int64), np.empty((m, n))
    for model, x in enumerate(rows):
        for part, distances in _distances(x):
            near[model, part] = np.argsort(distances, axis=1, kind="stable")[:, :k]
            dimension[model, part] = _dimension(np.sqrt(np.take_along_axis(distances, near[model, part], 1)))
    # imbalance[a, b, i] = D_i(a -> b)
    imbalance = np.empty((m, m, n))
    for b, x in enumerate(rows):
        for part, distances in _distances(x):
            rank = np.empty(distances.shape, np.int64)
            order = np.argsort(distances, axis=1, kind="stable")
            np.put_along_axis(rank, order, np.broadcast_to(np.arange(1, n + 1), rank.shape), 1)
            for a in range(m):
                imbalance[a, b, part] = np.take_along_axis(rank, near[a, part], 1).mean(1) * 2 / n
    loss = np.full((m, n), np.nan)
    for a in range(m):
        others = codes != codes[a]
        if others.any():
            loss[a] = (imbalance[a, others] - imbalance[others, a]).mean(0)
    return loss, dimension


def _distances(x: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield squared distances of blocks of rows to all rows, infinite to themselves, [b, n]."""
    centred = x - x.mean(0)
    squares = (centred**2).sum(1)
    noise = 1e-13 * squares.max(initial=0)  # equal rows differ by rounding
    block = max(1, 2**22 // len(x))
    for start in range(0, len(x), block):
        part = slice(start, min(start + block, len(x)))
        far = squares[part, None] + squares - 2 * centred[part] @ centred.T
        far[far < noise] = 0
        far[np.arange(part.stop - start), np.arange(start, part.stop)] = np.inf
        yield part, far


def _dimension(distances: np.ndarray) -> np.ndarray:
    """Return the estimate from ascending distances [b, k]."""
    positive = distances > 0
    left = positive.sum(1)
    logs = np.log(np.where(positive, distances, 1))
    total = np.where(positive, logs[:, -1:] - logs, 0).sum(1)
    return np.where((left >= 2) & (total > 0), (left - 1) / np.where(total > 0, total, 1), 0.0)


def _exp(*values: float) -> Interval:
    return Interval(*(float(np.exp(each)) for each in values))
