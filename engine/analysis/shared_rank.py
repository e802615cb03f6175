"""How many coordinates several models share: a sequential permutation test of the eigenvalues of MAXVAR."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ..permutation import draw_whole_groups
from .maxvar import SMALLEST_VARIANCE, Space, shrinkage

# Tolerance of the largest eigenvalue under a permutation, which is only compared with the observed one.
TOLERANCE = 1e-4
# Matrices up to this size are decomposed wholly.
SMALL = 64
# Of the penalties of the test.
SAMPLES_PER_DEGREE, SMALLEST_RIDGE = 5, 1e-6


class RankTest(NamedTuple):
    """The tests of the first coordinates, up to the first one that is not significant.

    Args:
        rank: number of significant coordinates.
        eigenvalues: [c], of each tested coordinate after the earlier ones were removed.
        threshold: [c], the upper quantile of the same under permutation; or that of an earlier coordinate, which is
            larger.
        p: [c], never smaller than that of an earlier coordinate.
    """

    rank: int
    eigenvalues: np.ndarray
    threshold: np.ndarray
    p: np.ndarray


class _State(NamedTuple):
    """A model in the test: left [n, q], singular values [q], penalty, family and vote; the first three change."""

    left: np.ndarray
    values: np.ndarray
    penalty: float
    family: int
    vote: float

    def half(self) -> np.ndarray:
        """Return the [n, q] whose product with itself is the weighted ridge projection."""
        return np.asarray(self.left * np.sqrt(self.vote * shrinkage(self.values, self.penalty)))

    def without(self, coordinate: np.ndarray) -> _State:
        """Return the model without its own estimate of a coordinate [n] of length 1, orthogonal to the coordinate."""
        along = self.left.T @ coordinate
        own = shrinkage(self.values, self.penalty) * along
        length = float(np.linalg.norm(own))
        if length == 0:
            return self
        rest = np.diag(self.values) - np.outer(own, own * self.values) / length**2
        beside = along @ rest
        squares, vectors = np.linalg.eigh(rest.T @ rest - np.outer(beside, beside))
        kept = squares > SMALLEST_VARIANCE * max(float(squares[-1]), 0.0)
        values, vectors = np.sqrt(squares[kept]), vectors[:, kept]
        left = (self.left @ (rest @ vectors) - np.outer(coordinate, beside @ vectors)) / values
        return self._replace(left=left, values=values)


def family_orders(units: np.ndarray, families: int, permutations: int, seed: int = 0) -> np.ndarray:
    """Draw permutations of the samples, independently for each family: int [K, families, n].

    Args:
        units: [n], the group of each sample; whole groups of equal size change places.
        families: number of families.
        permutations: K; fewer are returned where fewer exist.
        seed: of the draws.

    Raises:
        ValueError: no two groups have the same size.
    """
    drawn = [draw_whole_groups(units.tolist(), permutations, seed=seed * families + i).orders for i in range(families)]
    return np.stack([each[: min(map(len, drawn))] for each in drawn], axis=1)


def fixed_penalty(values: np.ndarray, n: int) -> float:
    """Return the penalty by which a ridge projection has n / 5 degrees of freedom, from singular values [q].

    A model with fewer directions has the smallest penalty, `SMALLEST_RIDGE` of its variance.
    """
    variance = float((values**2).sum())
    low, high = SMALLEST_RIDGE, 1e3
    if shrinkage(values, low * variance).sum() <= n / SAMPLES_PER_DEGREE:
        return low * variance
    for _ in range(60):
        middle = (low * high) ** 0.5
        if shrinkage(values, middle * variance).sum() > n / SAMPLES_PER_DEGREE:
            low = middle
        else:
            high = middle
    return high * variance


def shared_rank(
    spaces: Sequence[Space],
    codes: np.ndarray,
    votes: np.ndarray,
    orders: np.ndarray,
    *,
    level: float = 0.05,
    most: int = 32,
    progress: Callable[[float], None] | None = None,
) -> RankTest:
    """Count the shared coordinates.

    The first eigenvalue is compared with that under permutations of the samples, drawn independently for each family;
    the members of a family are permuted together, so that what siblings have in common stays in the null distribution.
    Then every model loses its own estimate of this coordinate and what is along the coordinate itself. The next one is
    tested on what is left, with permuted rows projected in the same way: the rows that are left are in a smaller space,
    in which they agree more by chance. The test ends with the first coordinate that is not significant.

    The penalties of the test are those of `fixed_penalty`. They do not change when samples are permuted, as a penalty
    would that was chosen for agreement, so that the test of the first coordinate is exact.

    Args:
        spaces: of m models.
        codes: [m], the family of each model; negative for those without a vote.
        votes: [m], as `maxvar.votes_of` returns them.
        orders: int [K, F, n], the K permutations of each of the F families.
        level: of each test, at least 1 / (K + 1).
        most: largest number of coordinates.
        progress: called with the share of the work that is done, if all coordinates are tested.

    Without a coordinate, the singular values of a model are smaller than before, and so are eigenvalues under
    permutation, but for the smaller space. One that is larger than all of an earlier coordinate, in the smaller space,
    is therefore significant without new ones.

    Cost: of each coordinate up to K largest eigenvalues of a matrix [min(n, Q), min(n, Q)], Q directions in all. The
    test of a coordinate ends early when it can no longer be significant; p is then (1 + e) / (1 + K'), of the K'
    permutations that were drawn.

    Source: Winkler et al. (2020), NeuroImage 220, 117065, on sequential permutation tests of canonical correlations;
    Horn (1965), Psychometrika 30, 179, on parallel analysis; Besag & Clifford (1991), Biometrika 78, 301, on early
    ends.
    """
    voting = [i for i in range(len(codes)) if codes[i] >= 0]
    place = {code: number for number, code in enumerate(sorted({int(codes[i]) for i in voting}))}
    states = [
        _State(one.left, one.values, fixed_penalty(one.values, len(one.left)), place[int(codes[i])], float(votes[i]))
        for i in voting
        for one in [spaces[i]]
    ]
    values: list[float] = []
    null: list[float] = []
    thresholds: list[float] = []
    ps: list[float] = []
    n = len(states[0].left)
    found = np.empty((n, 0))
    while len(values) < most:
        blocks = [np.hstack([one.half() for one in states if one.family == family]) for family in range(len(place))]
        if sum(block.shape[1] > 0 for block in blocks) < 2:
            break  # only one family has directions left, with which nothing can be shared
        total = _Sum(blocks, found)
        observed, coordinate = total.largest()
        exceeding = 0
        if not null or observed * (1 - TOLERANCE) <= max(null) * total.scale:
            null = []
            for done, order in enumerate(orders):
                null.append(total.largest_permuted(order))
                exceeding += null[-1] >= observed * (1 - TOLERANCE)
                if progress is not None:
                    progress((len(values) + (done + 1) / len(orders)) / most)
                if exceeding + 1 > level * (len(orders) + 1):
                    break
        values.append(observed)
        thresholds.append(float(np.quantile(null, 1 - level)))
        ps.append(max((1 + exceeding) / (1 + len(null)), *ps[-1:], 0.0))
        if ps[-1] > level:
            break
        states = [one.without(coordinate) for one in states]
        found = np.column_stack([found, coordinate])
    rank = int(np.count_nonzero(np.array(ps) <= level))
    return RankTest(rank, np.array(values), np.array(thresholds), np.array(ps))


class _Sum:
    """The sum of the ridge projections of all families, also with permuted rows.

    Args:
        blocks: for each family [n, q], the product of which with itself is its projection.
        found: [n, k], the coordinates that the rows of the blocks were made orthogonal to.
    """

    def __init__(self, blocks: Sequence[np.ndarray], found: np.ndarray) -> None:
        self.blocks, self.found = blocks, found
        n, width = len(blocks[0]), sum(block.shape[1] for block in blocks)
        # Directions lose this share of their squared length when permuted rows are made orthogonal to the coordinates.
        self.scale = (n - 1) / (n - 1 - found.shape[1])
        # Few directions: products of columns [Q, Q]. Many: the projections [n, n], whose rows and columns are permuted.
        self.projections = [block @ block.T for block in blocks] if 2 * width > n else None

    def largest(self) -> tuple[float, np.ndarray]:
        """Return the largest eigenvalue and its eigenvector [n], of length 1."""
        from scipy.linalg import eigh

        halves = np.hstack(self.blocks) if self.projections is None else None
        product = np.sum(self.projections or [], axis=0) if halves is None else halves.T @ halves
        last = len(product) - 1
        eigenvalues, vectors = eigh(product, subset_by_index=[last, last])
        vector = vectors[:, 0] if halves is None else halves @ vectors[:, 0]
        return float(eigenvalues[0]), vector / (float(np.linalg.norm(vector)) or 1.0)

    def largest_permuted(self, order: np.ndarray) -> float:
        """Return the largest eigenvalue with the rows of each family in an order [F, n]."""
        from scipy.linalg import eigvalsh
        from scipy.sparse.linalg import eigsh

        if self.projections is None:
            halves = np.hstack([block[rows] for block, rows in zip(self.blocks, order, strict=True)])
            halves = halves - self.found @ (self.found.T @ halves)
            product = halves.T @ halves
        else:
            product = np.zeros(self.projections[0].shape)
            for projection, rows in zip(self.projections, order, strict=True):
                product += projection[rows[:, None], rows]
            along = product @ self.found
            product -= along @ self.found.T
            product -= self.found @ (along.T - (self.found.T @ along) @ self.found.T)
        if len(product) <= SMALL:
            return float(eigvalsh(product)[-1]) * self.scale
        start = np.random.default_rng(0).normal(size=len(product))
        found = eigsh(product, k=1, which="LA", v0=start, tol=TOLERANCE, return_eigenvectors=False)
        return float(found[0]) * self.scale
