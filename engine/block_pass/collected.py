"""What a pass has found so far, block by block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..gram import Sums
from ..neighbours import Neighbours, empty_table
from .plan import PassPlan, QueryResult


class Collected:
    """Results of blocks of q rows for m models, in arrays that are as large as the whole from the beginning.

    Args:
        plan: the quantities that are computed.
        m: number of models.
        q: number of rows.
        groups: number of groups of rows over which ranks are summed.
        distinct: number of neighbours of a further Euclidean table; 0 for none.
        dtype: of the points.
    """

    def __init__(self, plan: PassPlan, m: int, q: int, dtype: Any, *, groups: int = 1, distinct: int = 0) -> None:
        self._plan, self._m = plan, m
        widths = (*(k for _, k in plan.tables), *([distinct] if distinct else []))
        self._tables = [[empty_table(q, k, dtype) for _ in range(m)] for k in widths]
        self._distinct = distinct > 0
        self._means = [np.empty((m, q)) for _ in plan.kernels]
        # Sums of every block, which are added in the end: in the same order whether a pass was interrupted or not.
        self._products: list[list[np.ndarray]] = [[] for _ in plan.kernels]
        self._ranks: list[np.ndarray] = []
        self._squares: list[np.ndarray] = []
        self._groups = groups

    def add_tables(self, model: int, start: int, tables: Sequence[Neighbours]) -> None:
        """Add the tables of the rows from ``start`` on; rows beyond the last are dropped."""
        for whole, part in zip(self._tables, tables, strict=True):
            for target, column in zip(whole[model], part, strict=True):
                target[start : start + len(column)] = column[: max(0, len(target) - start)]

    def add_kernel(self, kernel: int, start: int, products: np.ndarray, means: np.ndarray) -> None:
        """Add the inner products [m, m] and means [m, b] of the kernel at this place of the plan."""
        self._products[kernel].append(np.asarray(products, np.float64))
        target = self._means[kernel]
        target[:, start : start + means.shape[1]] = means[:, : max(0, target.shape[1] - start)]

    def add_ranks(self, sums: np.ndarray) -> None:
        """Add the sums of ranks [groups, m, m] over the rows of a block."""
        self._ranks.append(np.asarray(sums, np.float64))

    def add_squares(self, sums: np.ndarray) -> None:
        """Add the sums [m] of the squared inner products of the points of a block with all points."""
        self._squares.append(np.asarray(sums, np.float64))

    def counts(self) -> tuple[int, int, int]:
        """Return how many sums were added so far, of each kernel, of ranks and of squares; see `part`."""
        return len(self._products[0]) if self._products else 0, len(self._ranks), len(self._squares)

    def part(self, start: int, end: int, counts: tuple[int, int, int]) -> dict[str, np.ndarray]:
        """Return what was added for these rows, and the sums since there were as many as ``counts``."""
        found = {}
        for at, table in enumerate(self._tables):
            for field in Neighbours._fields:
                found[f"table {at} {field}"] = np.stack([getattr(of_model, field)[start:end] for of_model in table])
        for at, (means, products) in enumerate(zip(self._means, self._products, strict=True)):
            found |= {f"means {at}": means[:, start:end], f"products {at}": np.stack(products[counts[0] :])}
        sums = {"ranks": self._ranks[counts[1] :], "squares": self._squares[counts[2] :]}
        return found | {name: np.stack(values) for name, values in sums.items() if values}

    def add_part(self, start: int, part: Mapping[str, np.ndarray]) -> None:
        """Add what `part` returned for the rows from ``start`` on."""
        for model in range(self._m):
            self.add_tables(model, start, [_table(part, at, model) for at in range(len(self._tables))])
        for at in range(len(self._means)):
            means = part[f"means {at}"]
            self._means[at][:, start : start + means.shape[1]] = means
            self._products[at] += list(part[f"products {at}"])
        self._ranks += list(part.get("ranks", ()))
        self._squares += list(part.get("squares", ()))

    def state(self) -> dict[str, np.ndarray]:
        """Return nothing: all that is found belongs to some rows."""
        return {}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue with what `state` returned."""

    def tables_of(self, model: int) -> dict[str, np.ndarray]:
        """Return the tables of one model."""
        return {
            f"table {at} {field}": getattr(table[model], field)
            for at, table in enumerate(self._tables)
            for field in Neighbours._fields
        }

    def add_tables_of(self, model: int, part: Mapping[str, np.ndarray]) -> None:
        """Add what `tables_of` returned."""
        self.add_tables(model, 0, [_table(part, at) for at in range(len(self._tables))])

    def result(self, norms: Any, block: int) -> QueryResult:
        """Return the result of the pass.

        Args:
            norms: of the m models, stacked.
            block: number of rows of a block.
        """
        plan, result = self._plan, QueryResult(block=block)
        result.tables = {metric: table for (metric, _), table in zip(plan.tables, self._tables, strict=False)}
        result.distinct = self._tables[-1] if self._distinct else []
        for kernel, products, means in zip(plan.kernels, self._products, self._means, strict=True):
            result.sums[kernel] = Sums.of(kernel, norms, np.asarray(sum(products)), means)
        if self._squares:
            result.squares = np.asarray(sum(self._squares))
        if plan.ranks:
            result.rank_sums = np.asarray(sum(self._ranks))
            result.ranks = result.rank_sums.sum(0) / len(self._tables[0][0].tied)
        return result


def _table(part: Mapping[str, np.ndarray], at: int, model: int | None = None) -> Neighbours:
    columns = [part[f"table {at} {field}"] for field in Neighbours._fields]
    return Neighbours(*(column if model is None else column[model] for column in columns))
