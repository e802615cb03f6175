"""The agreement of two models on one sample, in three forms, and the same with the samples of models permuted.

A form knows the agreement of every pair of models on each of n samples, what it is when the samples of each family are
permuted, and facts on the place of each sample in each model that agreement depends on: a sample in a sparse region has
neighbours that noise does not exchange, and a hub is everybody's neighbour.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..base import InputError, centred
from ..block_pass import PassPlan, run_pass
from ..context import CompareConfig, MetricContext
from ..neighbours import position

# Entries of the sorted neighbours that are processed at once.
CHUNK = 2**22


# Of orders [f, n]: the mean over pairs of families, [n], after row orders[f, i] of each family has become its row i.
Permuted = Callable[[np.ndarray], np.ndarray]


class SampleForm(Protocol):
    """A form of agreement on samples, for m models of n samples."""

    @property
    def facts(self) -> np.ndarray:
        """Facts on each sample in each model, float64 [c, m, n]."""

    def pair(self, a: int, b: int) -> np.ndarray:
        """Return the agreement of two models on each sample, float64 [n]."""

    def permuted(self, codes: np.ndarray) -> Permuted:
        """Return a function that gives the mean over pairs of families on permuted samples.

        Args:
            codes: int [m], the family of each model, from 0 to f - 1.
        """


@dataclass(frozen=True)
class SharedNeighbours:
    """The share of the k nearest neighbours of a sample that two models have in common.

    Args:
        indices: int32 [m, n, k], the neighbours, ascending in each row.
        facts: [3, m, n], the distance to the k-th neighbour, the number of samples whose neighbour the sample is, and
            the distance from the mean of the samples; the first is a similarity with its sign changed where neighbours
            are by similarity.
    """

    indices: np.ndarray
    facts: np.ndarray

    @classmethod
    def of(cls, arrays: Sequence[Any], config: CompareConfig, outside: np.ndarray | None = None) -> SharedNeighbours:
        """Find the neighbours in m representations [n, d_m], by the pass that `hyle.engine.compare` makes.

        With ``outside``, labels int32 [n], those with another label.

        Raises:
            ValueError: k is out of range, or all samples of a model are equal.
        """
        context = MetricContext([str(i) for i in range(len(arrays))], arrays, config, outside=outside)
        prepared = context.prepared()
        if any(bool(each.norms.all_equal) for each in prepared):
            raise InputError("a representation whose rows are all equal has no nearest neighbours")
        metric = config.neighbour_metric
        plan = PassPlan(tables=((metric, config.k),), search=config.search)
        if outside is None:
            tables = run_pass(prepared, plan, block=config.block).tables[metric]
        else:
            tables = context.tables(config.k, metric)
        n, sign = context.n, 1 if metric == "euclidean" else -1
        facts = np.empty((3, len(arrays), n))
        for model, table in enumerate(tables):
            facts[0, model] = (sign * np.asarray(table.value, np.float64)).max(1)
            facts[1, model] = np.bincount(np.asarray(table.indices).ravel(), minlength=n)
            facts[2, model] = np.sqrt(np.asarray(prepared[model].norms.squares, np.float64))
        return cls(np.stack([np.sort(np.asarray(table.indices), axis=1) for table in tables]), facts)

    def pair(self, a: int, b: int) -> np.ndarray:
        """Return the share of common neighbours, [n] in [0, 1]."""
        found = position(self.indices[a].T, self.indices[b].T) >= 0
        return np.asarray(found.sum(0) / self.indices.shape[2])

    def permuted(self, codes: np.ndarray) -> Permuted:
        """Return a function that gives the mean over pairs of families on permuted samples; see `SampleForm`.

        Neighbours of all models are sorted together: equal ones are then side by side. With w_f(j) the share of the
        models of family f that have j among the neighbours of a sample, the sum over pairs of families is half of
        sum_j (sum_f w_f(j))^2 - sum_f,j w_f(j)^2, whose last term goes with the rows. Cost O(n m k log(m k)).
        """
        m, n, k = self.indices.shape
        weights = (1 / np.bincount(codes))[codes]
        own = np.stack([self._squared(self.indices[codes == f], weights[codes == f]) for f in np.unique(codes)])
        pairs, size = len(own) * (len(own) - 1) / 2, max(1, CHUNK // (m * k))

        def panel(orders: np.ndarray) -> np.ndarray:
            inverse = np.empty_like(orders)
            np.put_along_axis(inverse, orders, np.broadcast_to(np.arange(n, dtype=orders.dtype), orders.shape), 1)
            sums = -np.take_along_axis(own, orders, 1).sum(0)
            for start in range(0, n, size):
                rows = slice(start, start + size)
                relabelled = [inverse[f][self.indices[a][orders[f][rows]]] for a, f in enumerate(codes)]
                sums[rows] += self._squared(relabelled, weights)
            return np.asarray(sums / (2 * k * pairs))

        return panel

    @staticmethod
    def _squared(neighbours: Sequence[np.ndarray] | np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the sum over samples j of the squared sum of the weights of the models that have j in a row, [b].

        Args:
            neighbours: for each model, int [b, k], without repetitions in a row.
            weights: of the models.
        """
        m, (b, k) = len(neighbours), neighbours[0].shape
        if m == 1 or np.ptp(weights) == 0:
            keys = np.sort(np.concatenate(neighbours, 1), axis=1)
            equal = np.zeros(b, np.int64)
            for lag in range(1, m):
                equal += (keys[:, lag:] == keys[:, :-lag]).sum(1)
            return np.asarray(weights[0] ** 2 * (m * k + 2 * equal))
        keys = np.sort(np.concatenate([each.astype(np.int64) * m + a for a, each in enumerate(neighbours)], 1), axis=1)
        sample, model = np.divmod(keys, m)
        first = np.ones(keys.shape, bool)
        first[:, 1:] = sample[:, 1:] != sample[:, :-1]
        starts = np.flatnonzero(first)
        return np.bincount(starts // (m * k), np.add.reduceat(weights[model].ravel(), starts) ** 2, b)


@dataclass(frozen=True)
class GramRows:
    """The similarity of the rows of a sample in two centred linear Gram matrices K and L.

    ``pnka`` is the cosine of the two rows. ``cka`` is the term <K_i, L_i> / (|K| |L|) of the sample, so that its terms
    sum to linear CKA (the biased estimator).

    Args:
        points: m centred matrices float32 [n, r_m].
        squares: [m, n], squared lengths of the rows of each Gram matrix.
        relative: whether each sample is divided by the lengths of its own rows (pnka) or all by those of the matrices.

    No Gram matrix is made: row i of K times row i of L is x_i (X^T Y) y_i.
    Source: PNKA, Kolling et al. (2023), arXiv 2305.19294; CKA, Kornblith et al. (2019), arXiv 1905.00414.
    """

    points: Sequence[np.ndarray]
    squares: np.ndarray
    relative: bool

    @classmethod
    def of(cls, arrays: Sequence[Any], *, relative: bool) -> GramRows:
        """Centre m representations [n, d_m]; those of more columns than rows are rotated into n columns.

        Raises:
            ValueError: all samples of a model are equal.
        """
        points = [_few_columns(np.asarray(centred(np.asarray(x))[0])) for x in arrays]
        if any(not each.any() for each in points):
            raise InputError("a representation whose rows are all equal has no Gram matrix to compare")
        return cls(points, np.stack([_row_products(each, each) for each in points]), relative)

    @property
    def facts(self) -> np.ndarray:
        """The distance from the mean of the samples, and the length of the row of the Gram matrix; [2, m, n]."""
        lengths = np.stack([np.square(each, dtype=np.float64).sum(1) for each in self.points])
        return np.sqrt(np.stack([lengths, self.squares]))

    def pair(self, a: int, b: int) -> np.ndarray:
        """Return the similarity of the rows of each sample, [n]; 0 where a row is 0."""
        return self._similarity(a, b, slice(None), slice(None))

    def permuted(self, codes: np.ndarray) -> Permuted:
        """Return a function that gives the mean over pairs of families on permuted samples; see `SampleForm`."""
        weights, families = (1 / np.bincount(codes))[codes], len(np.unique(codes))

        def panel(orders: np.ndarray) -> np.ndarray:
            total = np.zeros(orders.shape[1])
            for a, b in itertools.combinations(range(len(codes)), 2):
                if codes[a] != codes[b]:
                    total += weights[a] * weights[b] * self._similarity(a, b, orders[codes[a]], orders[codes[b]])
            return np.asarray(total / (families * (families - 1) / 2))

        return panel

    def _similarity(self, a: int, b: int, first: Any, second: Any) -> np.ndarray:
        products = _row_products(self.points[a][first], self.points[b][second])
        lengths = self.squares[a][first] * self.squares[b][second]
        if not self.relative:
            return np.asarray(products / np.sqrt(self.squares[a].sum() * self.squares[b].sum()))
        return np.where(lengths > 0, products / np.sqrt(np.where(lengths > 0, lengths, 1)), 0)


def _row_products(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the inner products of row i of X X^T and row i of Y Y^T, float64 [n]; cost O(n d_x d_y)."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    return np.asarray(np.einsum("ij,ij->i", x @ (x.T @ y), y))


def _few_columns(x: np.ndarray) -> np.ndarray:
    """Return rows with the same inner products and at most n columns."""
    if x.shape[1] <= len(x):
        return x
    triangle: np.ndarray = np.linalg.qr(x.T.astype(np.float64)).R
    return np.asarray(triangle.T.astype(x.dtype))
