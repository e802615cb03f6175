"""What a panel of models has in common as a representation of its own, and each model's share of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..base import InputError
from .cross_fit import cross_fit, group_folds, held_out_agreement, make_fold, private_rest
from .families import family_codes
from .maxvar import space, votes_of
from .panel_shares import explained_shares, recovered_shares
from .shared_rank import RankTest, family_orders, shared_rank

# Penalties that are tried, as shares of the total variance of a model.
RIDGES = tuple(float(ridge) for ridge in np.geomspace(1e-6, 1, 13))
FOLDS = 5
# Coordinates by which the penalty is chosen, and the largest rank.
LEADING, MOST = 10, 32
# Of more samples, whole groups are drawn for the choice of the penalty and for the test of the rank.
MOST_TESTED = 1000
LEVEL, PERMUTATIONS, MIN_PERMUTATIONS = 0.05, 99, 19
# Stage -> where it starts and ends, as shares of the work.
DECOMPOSE, CHOOSE, TEST, CROSS_FIT = "decomposing", "choosing the penalty", "testing the rank", "cross-fitting"
STAGES = {DECOMPOSE: (0.0, 0.1), CHOOSE: (0.1, 0.3), TEST: (0.3, 0.9), CROSS_FIT: (0.9, 1.0)}
# Fewest groups of samples: two in each fold.
MIN_GROUPS = 2 * FOLDS


@dataclass(frozen=True)
class Consensus:
    """What several families of models share, of n samples and rank r.

    Args:
        models: names, in the order of what was given.
        families: [m], the family of each model as an index from 0; -1 for models without a vote.
        coordinates: float64 [n, r], the shared part. The coordinates of a sample are computed by weights that were
            fitted without its group.
        rank: r, the number of shared coordinates; 0 if nothing is shared. No more than 32 are tested.
        tested: whether the rank was found by the permutation test, whose steps are the next three; else they are empty.
        eigenvalues: [c], mean over families of the squared multiple correlation with each coordinate that was tested, 0
            to 1, in the sample; the last one is not significant unless c = r.
        threshold: [c], the upper 5 % of the eigenvalues under permutation.
        p: [c].
        ridge: the penalty, as a share of the total variance of a model.
        ridges: penalty -> agreement of the families on held-out groups by which it was chosen; empty if it was given.
        recovered: [m, r], squared correlation of a model's own estimate of a coordinate with the mean of the estimates
            of the other families, both on held-out groups; 0 where it is negative.
        explained: [m], share of the variance of each model that the other families' shared part explains linearly on
            held-out groups; negative where it explains less than the mean does. A lower bound of what is shared, since
            the estimates of the others are not exact.
        carriers: [r], number of families that recover a coordinate significantly at level 0.05.
        private: name -> [n, d], the rest of each model after its own estimate of the shared part was regressed out by
            weights that were fitted without the group of the sample.
        folds: [n], the fold in which each sample was held out.
        groups: number of groups of samples.
    """

    models: tuple[str, ...]
    families: np.ndarray
    coordinates: np.ndarray
    rank: int
    tested: bool
    eigenvalues: np.ndarray
    threshold: np.ndarray
    p: np.ndarray
    ridge: float
    ridges: Mapping[float, float]
    recovered: np.ndarray
    explained: np.ndarray
    carriers: np.ndarray
    private: Mapping[str, np.ndarray] = field(repr=False)
    folds: np.ndarray = field(repr=False)
    groups: int = 0


def consensus(
    embeddings: Mapping[str, Any],
    /,
    *,
    families: Sequence[str] | None = None,
    votes: Sequence[bool] | None = None,
    groups: Sequence[Any] | None = None,
    rank: int | None = None,
    ridge: float | None = None,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
    progress: Callable[[str, float], None] | None = None,
) -> Consensus:
    """Compute what the families of a panel share: generalised canonical correlation analysis (MAXVAR) with ridge.

    Every family has one vote, whatever its number of models. The penalty is the one with which the families agree best
    on groups that were held out. The rank is found by the permutation test of `shared_rank.shared_rank`, in which whole
    groups of equal size change places. The coordinates are cross-fitted over five folds of groups, and the folds
    brought to one basis by an orthogonal rotation, so that a property can be probed on them. Penalty and rank are found
    on at most about 1,000 samples.

    Args:
        embeddings: name -> [n, d] of the same n samples; columns and scale are the models' own.
        families: [m] names; a model whose name is empty, and every model by default, is a family of its own.
        votes: [m], whether the model takes part in the choice of what is shared; by default all do. The others, such as
            controls, are measured against it.
        groups: n labels of samples that are not independent; by default each sample is a group.
        rank: number of coordinates, without a test.
        ridge: the penalty, more than 0, as a share of the total variance of a model.
        permutations: of the test; at least 19.
        seed: of folds and permutations.
        progress: called with the stage and the share of the whole work that is done.

    Cost: O(n d min(n, d)) for each model and fold, and of each shared coordinate up to K largest eigenvalues of a
    matrix of the size min(n, total number of directions). Memory O(n (n + total d)).

    Raises:
        ValueError: fewer than two families with a vote, different numbers of rows, rows that are not finite, a model
            that is constant, fewer than ten groups, or an option out of range.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> shared = rng.normal(size=(200, 2))
        >>> panel = {name: np.hstack([shared, rng.normal(size=(200, 4))]) @ rng.normal(size=(6, 6)) for name in "abc"}
        >>> result = consensus(panel, permutations=39)
        >>> result.rank, result.coordinates.shape
        (2, (200, 2))
    """
    names = tuple(embeddings)

    def report(stage: str, share: float) -> None:
        if progress is not None:
            start, end = STAGES[stage]
            progress(stage, start + share * (end - start))

    codes = _voting_families(names, families, votes)
    rows = _checked(embeddings)
    n = len(rows[0])
    units = np.arange(n) if groups is None else np.unique(np.asarray(groups).astype(str), return_inverse=True)[1]
    if len(units) != n:
        raise InputError(f"{len(units)} groups for {n} samples")
    _check_options(len(np.unique(units)), rank, ridge, permutations)
    weights = votes_of(codes)
    fold_of = group_folds(units, FOLDS, np.random.default_rng([seed, n]))
    # All further products are in the coordinates of the principal directions, of which there are at most n - 1.
    spaces = []
    for number, one in enumerate(rows):
        report(DECOMPOSE, number / len(rows))
        spaces.append(space(one))
    points = [one.left * one.values for one in spaces]
    spaces = [one.in_own_coordinates() for one in spaces]
    folds = [make_fold(points, fold_of, number) for number in range(FOLDS)]
    directions = min(sum(len(one.values) for one, vote in zip(f.spaces, weights, strict=True) if vote) for f in folds)
    if rank is not None and rank > (limit := min(directions, min(len(fold.train) for fold in folds) - 1)):
        raise InputError(f"rank {rank}: the models have {limit} directions in all: use 1 to {limit}")
    ridges: dict[float, float] = {}
    drawn = _drawn(units, seed)
    few = points if len(drawn) == n else [one[drawn] for one in points]
    if ridge is None:
        few_folds = folds if few is points else [make_fold(few, fold_of[drawn], number) for number in range(FOLDS)]
        for number, one_ridge in enumerate(RIDGES):
            report(CHOOSE, number / len(RIDGES))
            ridges[one_ridge] = held_out_agreement(few, few_folds, codes, weights, one_ridge, LEADING)
        ridge = max(ridges, key=ridges.__getitem__)
    found = RankTest(rank or 0, *[np.empty(0)] * 3)
    if rank is None:
        orders = family_orders(units[drawn], len(set(codes[codes >= 0])), permutations, seed)
        if len(orders) < MIN_PERMUTATIONS:
            raise InputError(
                f"the groups allow {len(orders)} permutations, and {MIN_PERMUTATIONS} are needed: too few are of one "
                "size; give a rank, or other groups"
            )
        found = shared_rank(
            spaces if few is points else [space(one) for one in few],
            codes,
            weights,
            orders,
            level=LEVEL,
            most=min(MOST, len(drawn) // 5),
            progress=lambda share: report(TEST, share),
        )
    report(CROSS_FIT, 0.0)
    crossed = cross_fit(spaces, points, folds, weights, ridge, found.rank)
    recovered, carriers = recovered_shares(crossed.estimates, codes, len(np.unique(units)))
    return Consensus(
        names,
        codes,
        crossed.coordinates,
        found.rank,
        rank is None,
        found.eigenvalues,
        found.threshold,
        found.p,
        ridge,
        ridges,
        recovered,
        explained_shares(points, folds, crossed.estimates, codes),
        carriers,
        {
            name: private_rest(np.asarray(one, np.float64), folds, own)
            for (name, one), own in zip(embeddings.items(), crossed.own, strict=True)
        },
        fold_of,
        len(np.unique(units)),
    )


def _drawn(units: np.ndarray, seed: int) -> np.ndarray:
    """Return the rows of whole groups, drawn at random, about `MOST_TESTED` in all; all rows if there are no more."""
    if len(units) <= MOST_TESTED:
        return np.arange(len(units))
    sizes = np.bincount(units)
    order = np.random.default_rng([seed, len(sizes)]).permutation(len(sizes))
    last = int(np.searchsorted(np.cumsum(sizes[order]), MOST_TESTED))
    return np.flatnonzero(np.isin(units, order[: last + 1]))


def _checked(embeddings: Mapping[str, Any]) -> list[np.ndarray]:
    """Return the rows of all models as float64 [n, d]."""
    rows: list[np.ndarray] = []
    for name, given in embeddings.items():
        one = np.asarray(given, np.float64)
        if one.ndim != 2 or (rows and len(one) != len(rows[0])):
            expected = f"[{len(rows[0])}, d]" if rows else "[n, d]"
            raise InputError(f"{name}: an embedding {expected} is needed; got shape {one.shape}")
        unusable = np.flatnonzero(~np.isfinite(one).all(1))
        if len(unusable):
            raise InputError(f"{name}: row {unusable[0]} contains NaN or infinite numbers: remove this sample")
        if not np.ptp(one, axis=0).any():
            raise InputError(f"{name}: all rows are equal: leave it out")
        # A unit that suits squares of all sizes; no result depends on it.
        rows.append(one / np.abs(one).max())
    return rows


def _voting_families(names: Sequence[str], families: Sequence[str] | None, votes: Sequence[bool] | None) -> np.ndarray:
    """Return the family of each model from 0, and -1 for those without a vote."""
    for what, given in (("families", families), ("votes", votes)):
        if given is not None and len(given) != len(names):
            raise InputError(f"{len(given)} {what} for {len(names)} models")
    codes = family_codes(families, len(names))
    voting = np.ones(len(names), bool) if votes is None else np.asarray(votes, bool)
    count = len(np.unique(codes[voting]))
    if count < 2:
        raise InputError(f"what models share needs two families of models at least; got {count}")
    return np.where(voting, codes, -1)


def _check_options(n_groups: int, rank: int | None, ridge: float | None, permutations: int) -> None:
    if n_groups < MIN_GROUPS:
        raise InputError(
            f"{n_groups} groups of samples: at least {MIN_GROUPS} are needed, two for each of {FOLDS} folds"
        )
    if ridge is not None and not 0 < ridge < np.inf:
        raise InputError(f"ridge {ridge}: a number above 0 is needed, such as 0.01")
    if permutations < MIN_PERMUTATIONS:
        raise InputError(f"{permutations} permutations cannot give p <= {LEVEL}: use at least {MIN_PERMUTATIONS}")
    if rank is not None and rank < 1:
        raise InputError(f"rank {rank}: a number from 1 is needed")
