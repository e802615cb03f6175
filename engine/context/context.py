"""Representations of the same samples, with a cache of the intermediate results that metrics need."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from jax.sharding import Mesh

from ..base import (
    BLOCK_BYTES,
    Centred,
    Checkpoint,
    Threads,
    each_of,
    multiply_each,
    one_thread_products,
    repeated_rows,
    several_processes,
    use_numpy,
)
from ..block_pass import PassResult, QueryResult, run_pass, run_query_pass
from ..gram import MAX_ENTRIES, Prepared, prepare
from ..neighbours import Lookup, NeighbourMetric, Neighbours, find_table, lookup, nearest_of, products_fit, stack_each
from .bandwidths import bandwidths
from .config import CompareConfig
from .half_products import with_halves
from .needs import Need
from .permuted_models import models_by_place
from .planning import plan_pass, similarity_of
from .queries import Queries
from .stages import MEDIANS, PASS


@dataclass
class MetricContext:
    """Context in which metrics are evaluated: m representations [n, d_m] of the same samples, and a cache.

    Args:
        names: m names.
        arrays: m floating matrices [n, d_m]. On a CPU `compare` passes NumPy arrays, for which little is compiled;
            elsewhere it pads them with columns of zeros to a few widths.
        config: how metrics are computed.
        progress: called with (stage, done, total) during the pass.
        rows: int [n], the row numbers of the samples where some are left out, by which they keep their part in a
            division of the samples, such as training; default 0 to n - 1.
        outside: int32 [n], labels: the neighbours that pair metrics search are those of other labels; None for all.
        queries: rows that are compared with all rows, for metrics that are estimated from some; None for all.
        mesh: devices among which the rows are divided in the pass; None for one device.
        checkpoint: where results are saved from which an interrupted comparison continues; None for nowhere.
        widths: int [m], columns of each representation without those of zeros that are appended; None if none are.
    """

    names: Sequence[str]
    arrays: Sequence[Any]
    config: CompareConfig = field(default_factory=CompareConfig)
    progress: Callable[[str, float, float], None] | None = None
    rows: np.ndarray | None = None
    outside: np.ndarray | None = None
    queries: Queries | None = None
    mesh: Mesh | None = None
    checkpoint: Checkpoint | None = None
    widths: Sequence[int] | None = None
    _cache: dict[Any, Any] = field(default_factory=dict, repr=False)

    @property
    def n(self) -> int:
        """Number of samples."""
        return len(self.arrays[0])

    @property
    def m(self) -> int:
        """Number of representations."""
        return len(self.arrays)

    @property
    def own_columns(self) -> Sequence[Any]:
        """The representations without columns of zeros that are appended."""
        if self.widths is None:
            return self.arrays
        return [x[:, :width] for x, width in zip(self.arrays, self.widths, strict=True)]

    @property
    def everywhere(self) -> MetricContext:
        """The same context, in which neighbours are those of any label."""
        return self if self.outside is None else replace(self, outside=None)

    @property
    def most_neighbours(self) -> int:
        """The largest number of neighbours that every row has."""
        return self.n - (1 if self.outside is None else int(np.bincount(self.outside).max()))

    @property
    def row_candidates(self) -> np.ndarray:
        """The number of rows that can be neighbours of each row, int [n]."""
        if self.outside is None:
            return np.full(self.n, self.n - 1)
        return self.n - np.bincount(self.outside)[self.outside]

    @property
    def candidates(self) -> int:
        """The number of rows that can be neighbours of a row, a harmonic mean over the rows."""
        return self.n - 1 if self.outside is None else round(self.n / float((1 / self.row_candidates).sum()))

    @property
    def row_numbers(self) -> np.ndarray:
        """The row numbers of the samples, int [n]; see ``rows``."""
        return np.arange(self.n) if self.rows is None else self.rows

    @property
    def dimension_k(self) -> int:
        """Number of neighbours for the intrinsic dimension."""
        return self.config.dimension_neighbours(self.n)

    @property
    def permutation_order(self) -> np.ndarray:
        """Int [m], the place of each model in `models_by_place`: of each pair, that of the higher place is permuted."""
        return np.argsort(self.by_place)

    @property
    def by_place(self) -> np.ndarray:
        """The models in the order of their places, int [m]; see `models_by_place`."""
        return self.cached("by place", lambda: models_by_place(self.names, self.arrays, shared=self.shared))

    @property
    def in_order(self) -> np.ndarray:
        """Bool [m, m], entry (a, b) True if b is the model that is permuted in this pair; see `permutation_order`."""
        place = self.permutation_order
        return place[:, None] <= place[None, :]

    def cached(self, key: Any, compute: Callable[[], Any]) -> Any:
        """Return the cached value of a key, computing it the first time.

        Args:
            key: hashable.
            compute: called without arguments if the key is not in the cache.
        """
        if key not in self._cache:
            self._cache[key] = compute()
        return self._cache[key]

    def saved(self, name: str, compute: Callable[[], np.ndarray]) -> np.ndarray:
        """Return an array that an interrupted comparison has saved, or compute it and save it.

        Args:
            name: of the array, among those of these representations and options.
            compute: called without arguments if it is not saved.
        """
        if self.checkpoint is None:
            return compute()
        devices = 0 if self.mesh is None else self.mesh.size
        inputs = (list(self.names), self.config, self.queries is None, devices, self.outside, *self.arrays)
        own: Checkpoint = self.cached("checkpoint", lambda: self.checkpoint and self.checkpoint.of(*inputs))
        return own.saved(name, lambda: {"value": compute()})["value"]

    def run_pass(self, needs: Sequence[Need]) -> None:
        """Run the pass over all pairs of samples for the given needs; results of an earlier pass are discarded.

        Args:
            needs: intermediate results that the metrics require, see `Metric`.
        """
        if self.queries is not None:
            self._run_query_pass(needs, self.queries)
            return
        planned = partial(
            plan_pass, needs, self.n, [x.shape[1] for x in self.arrays], self.config, neighbours=self.outside is None
        )
        plan = planned(half=self.mesh is None and all(use_numpy(x) for x in self.arrays))
        self._cache["features"], self._cache["permutes features"] = plan.features, planned().features
        if plan.kernels or plan.tables:
            self._keep_grams()
            medians, prepared = "rbf" in plan.kernels, self.prepared()
            if medians and self._in_numpy:
                self._cache["prepared"] = with_halves(prepared)
            try:
                self._cache["pass"] = run_pass(
                    self.prepared(),
                    plan,
                    sigmas=self.sigmas() if medians else None,
                    block=self.config.block,
                    mesh=self.mesh,
                    checkpoint=self.checkpoint,
                    progress=self.stage_callback(PASS) if self.progress else None,
                )
            finally:
                self._cache["prepared"] = prepared

    def _run_query_pass(self, needs: Sequence[Need], queries: Queries) -> None:
        """Run the pass for the queries only; linear kernels, which cost no n x n products, are those of all rows."""
        searched: list[Need] = [need for need in needs if need in ("neighbours", "ranks")]
        orders = [2] * ("two_nearest" in needs) + [self.dimension_k] * ("dimension" in needs)
        self._cache["features"] = self._cache["permutes features"] = "linear" in needs
        if not searched and not orders:
            return
        self._cache["pass"] = run_query_pass(
            self.prepared(),
            plan_pass(searched, self.n, [x.shape[1] for x in self.arrays], self.config),
            queries.rows,
            queries.group,
            distinct=(max(orders), [None if kept.all() else kept for kept in self.unique()]) if orders else None,
            outside=self.outside,
            block=self.config.block,
            mesh=self.mesh,
            checkpoint=self.checkpoint,
            progress=self.stage_callback(PASS) if self.progress else None,
        )

    def query_result(self) -> QueryResult:
        """Return what the pass computed for the queries."""
        result = self._cache["pass"]
        assert isinstance(result, QueryResult)
        return result

    def prepared(self) -> list[Prepared]:
        """Prepare each model for the pass."""

        def compute() -> list[Prepared]:
            # Points that take more than the blocks are computed where they are read.
            kept = not self._in_numpy or sum(x.nbytes for x in self.arrays) <= BLOCK_BYTES
            if not self._in_numpy:
                return [prepare(x, kept=kept) for x in self.arrays]

            def of_model(at: int) -> Prepared:
                return prepare(self.arrays[at], kept=kept, points=self.centred(at))

            with one_thread_products(), Threads() as pool:
                return list(pool.map(of_model, range(self.m)))

        return self.cached("prepared", compute)

    def centred(self, model: int) -> Centred | None:
        """Return the centred rows of a model, if it is a NumPy array; they are computed where they are read."""
        x = self.arrays[model]
        return self.cached(("centred", model), lambda: Centred.of(x)) if isinstance(x, np.ndarray) else None

    @property
    def _in_numpy(self) -> bool:
        return self.mesh is None and all(isinstance(x, np.ndarray) and use_numpy(x) for x in self.arrays)

    def _keep_grams(self) -> None:
        """Keep the inner products of all points of few samples in NumPy, for a pass and what follows it."""
        if self._in_numpy and self.m * self.n**2 <= MAX_ENTRIES:
            work = [x.shape[1] for x in self.arrays]
            beside = products_fit(self.n, work)
            self._cache["prepared"] = multiply_each(Prepared.with_gram, self.prepared(), work, beside=beside)

    def kept(self) -> list[Prepared]:
        """Prepare each model, with its points in an array."""
        return [each.kept() for each in self.prepared()]

    def sigmas(self) -> list[Any]:
        """Compute the RBF bandwidth of each model: the median of its non-zero distances."""

        def found() -> np.ndarray:
            report = self.stage_callback(MEDIANS)
            return bandwidths(self.prepared(), numpy=self._in_numpy, mesh=self.mesh, report=report)

        return self.cached("sigmas", lambda: list(self.saved("sigmas", found)))

    @property
    def shared(self) -> bool:
        """Whether several processes divide the work among them; see `hyle.engine.device_mesh`."""
        return several_processes(self.mesh)

    @property
    def similarity(self) -> Literal["cosine", "inner_product"]:
        """The neighbour metric if it is a similarity, otherwise cosine."""
        return similarity_of(self.config)

    def symmetrise(self, values: np.ndarray) -> np.ndarray:
        """Make values [K, m, m] symmetric: of each pair, the value with the model permuted that `in_order` says."""
        return np.where(self.in_order, values, values.swapaxes(1, 2))

    def neighbour_recall(self) -> np.ndarray | None:
        """Return the share [m] of the neighbours that an approximate search has found; None for an exact search."""
        result: PassResult | None = self._cache.get("pass")
        return result.recall if result else None

    def ranks(self) -> np.ndarray:
        """Return the mean Euclidean rank in b of the rank_k nearest neighbours in a, [m, m] float64, entry (a, b)."""
        mean_ranks = self.pass_result("ranks").ranks
        assert mean_ranks is not None
        return mean_ranks

    def repeated(self) -> list[np.ndarray]:
        """Find the first row that each row of a model repeats, int32 [n] each; see `hyle.engine.base.repeated_rows`."""

        def compute() -> list[np.ndarray]:
            with one_thread_products():
                first = each_of(lambda at: repeated_rows(self.arrays[at], self.centred(at)), self.m, shared=self.shared)
            return list(first)

        return self.cached("repeated", compute)

    def unique(self) -> list[np.ndarray]:
        """Find the distinct rows of each model; bool [n] each, False for rows that repeat an earlier row."""
        every = np.arange(self.n)
        return self.cached("unique", lambda: [first == every for first in self.repeated()])

    @property
    def most_distinct(self) -> int:
        """Number of distinct rows of the model that has the most."""
        return max(int(kept.sum()) for kept in self.unique())

    def tables(self, k: int, metric: NeighbourMetric, *, unique: bool = False) -> list[Neighbours]:
        """Return the neighbour table of each model.

        Args:
            k: number of neighbours.
            metric: neighbour metric.
            unique: exclude rows that repeat an earlier row as neighbours.
        """

        def compute() -> list[Neighbours]:
            result: PassResult | None = self._cache.get("pass")
            # The pass over all pairs does not search outside of labels, but the one of the queries does.
            searched = unique or self.outside is None or self.queries is not None
            stored = result.tables.get(metric) if result and searched else None
            tables = []
            for model, x in enumerate(self.arrays):
                kept = self.unique()[model] if unique else None
                if kept is not None and bool(kept.all()):
                    kept = None
                width = stored[model].indices.shape[1] if stored is not None else 0
                # Fewer neighbours can be taken from a sorted table; only Euclidean tables are sorted.
                enough = width == k or (width > k and metric == "euclidean")
                if kept is None and stored is not None and enough:
                    tables.append(nearest_of(stored[model], k))
                else:
                    where = kept if unique else self.outside
                    tables.append(find_table(prepare(x), k, metric, where=where, ordered=not unique))
            return tables

        return self.cached(("tables", k, metric, unique, self.outside is None), compute)

    def lookups(self, k: int, metric: NeighbourMetric) -> list[Lookup]:
        """Return the neighbour table of each model, sorted by index."""
        both = self.stacked_lookups(k, metric)
        return [Lookup(*(part[model] for part in both)) for model in range(self.m)]

    def stacked_lookups(self, k: int, metric: NeighbourMetric) -> Lookup:
        """Return the neighbour tables sorted by index, with a leading axis of models."""
        key = ("lookups", k, metric, self.outside is None)
        return self.cached(key, lambda: stack_each(map(lookup, self.tables(k, metric)), self.m))

    def permutations(self, count: int) -> list[np.ndarray]:
        """Draw random orders of the rows, for chance levels without a closed form; int32 [n] each."""
        generator = np.random.default_rng(self.config.seed)
        return [generator.permutation(self.n).astype(np.int32) for _ in range(count)]

    def neighbour_attributes(self) -> Mapping[str, Any]:
        """Return the attributes of every neighbour score."""
        return {
            "k": self.config.k,
            "neighbour_metric": self.config.neighbour_metric,
            "centring": "columns" if self.config.centre else "none",
        }

    @property
    def by_features(self) -> bool:
        """Whether linear kernels are summed from products of features, which need no pass over all pairs."""
        return bool(self._cache.get("features"))

    @property
    def permutes_features(self) -> bool:
        """Whether products of features cost less than whole kernels of rows, which are those that are permuted."""
        return bool(self._cache.get("permutes features"))

    @property
    def finished_pass(self) -> PassResult | None:
        """Return what the pass computed; None if there was none."""
        return self._cache.get("pass")

    def pass_result(self, need: Need) -> PassResult:
        """Return what the pass computed, which runs again if it did not compute what is needed."""
        result: PassResult | None = self._cache.get("pass")
        if result is None or (result.ranks is None if need == "ranks" else need not in result.sums):
            self.run_pass([need])
            result = self._cache["pass"]
        return result

    def stage_callback(self, stage: str) -> Callable[[int, int], None]:
        """Return the progress callback of a stage, to be called with (done, total)."""

        def report(done: int, total: int) -> None:
            if self.progress is not None:
                self.progress(stage, done, total)

        return report
