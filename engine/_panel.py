"""Representations of the same samples, and what the metrics need of each, computed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._duplicates import first_occurrence
from ._kernels import Kernel, hsic, median_distance
from ._neighbours import Lookup, NeighbourMetric, Neighbours, lookup, neighbours


@dataclass
class Panel:
    """m representations [n, d_m] with rows in the same order, and a memory of what was computed of them.

    Args:
        names: m names.
        arrays: m floating matrices [n, d_m].
        k: neighbours for the pair metrics.
        dimension_k: neighbours for the intrinsic dimension.
        neighbour_metric: for the pair metrics.
        seed: of the permutations behind chance levels that have no closed form.
    """

    names: Sequence[str]
    arrays: Sequence[jax.Array]
    k: int = 25
    dimension_k: int = 50
    neighbour_metric: NeighbourMetric = "cosine"
    seed: int = 0
    _known: dict[Any, Any] = field(default_factory=dict, repr=False)

    @property
    def n(self) -> int:
        """Samples."""
        return len(self.arrays[0])

    @property
    def m(self) -> int:
        """Representations."""
        return len(self.arrays)

    def once(self, key: Any, compute: Callable[[], Any]) -> Any:
        """Return what is remembered under a key, computing it the first time."""
        if key not in self._known:
            self._known[key] = compute()
        return self._known[key]

    def hsic(self, kernel: Kernel, *, debiased: bool) -> np.ndarray:
        """HSIC of every pair, [m, m] in float64; the RBF bandwidth is each model's median distance."""

        def compute() -> np.ndarray:
            sigmas = [median_distance(x) for x in self.arrays] if kernel == "rbf" else None
            return np.asarray(hsic(self.arrays, sigmas, kernel=kernel, debiased=debiased), np.float64)

        return self.once(("hsic", kernel, debiased), compute)

    def unique(self) -> list[jax.Array]:
        """For each model, bool [n]: rows that no earlier row equals."""
        return self.once("unique", lambda: [first_occurrence(x) for x in self.arrays])

    def tables(self, k: int, metric: NeighbourMetric, *, unique: bool = False) -> list[Neighbours]:
        """Find the neighbour table of each model; with ``unique``, repeated rows are nobody's neighbour."""

        def compute() -> list[Neighbours]:
            allowed = self.unique() if unique else [None] * self.m
            return [neighbours(x, k, metric, where) for x, where in zip(self.arrays, allowed, strict=True)]

        return self.once(("tables", k, metric, unique), compute)

    def lookups(self, k: int, metric: NeighbourMetric) -> list[Lookup]:
        """Sort the neighbour table of each model by index."""
        return self.once(("lookups", k, metric), lambda: [lookup(table) for table in self.tables(k, metric)])

    def pairs(self, score: Callable[[Any, Any], jax.Array], tables: Sequence[Any], *, symmetric: bool) -> np.ndarray:
        """Apply a jitted function to the tables of every pair; [m, m] in float64, entry (a, b) = score(a, b)."""
        values = np.empty((self.m, self.m))
        for a in range(self.m):
            for b in range(a if symmetric else 0, self.m):
                values[a, b] = score(tables[a], tables[b])
                if symmetric:
                    values[b, a] = values[a, b]
        return values

    def permutations(self, count: int) -> list[jax.Array]:
        """Permutations of the rows, the same for every metric."""
        generator = np.random.default_rng(self.seed)
        return [jnp.asarray(generator.permutation(self.n).astype(np.int32)) for _ in range(count)]

    def neighbour_attributes(self) -> Mapping[str, Any]:
        """Return the attributes that a neighbour score must carry."""
        return {"k": self.k, "neighbour_metric": self.neighbour_metric, "centring": "none"}
