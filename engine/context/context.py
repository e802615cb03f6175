"""Representations of the same samples, and what the metrics need of each, computed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import jax
import jax.numpy as jnp
import numpy as np

from ..base import Threads, first_occurrence_numpy
from ..block_pass import PassPlan, PassResult, run_pass
from ..gram import Kernel, Prepared, Sums, by_features, feature_hsic, feature_products, median_of_prepared, prepare
from ..neighbours import TABLE, Lookup, NeighbourMetric, Neighbours, find_table, lookup
from ..permutation import Permutations, permuted_hsic, permuted_products
from ..preprocess import effective_rank
from .needs import Need
from .stages import MEDIANS, NULL, PASS, Progress


@dataclass
class MetricContext:
    """m representations [n, d_m] with rows in the same order, and a memory of what was computed of them.

    Args:
        names: m names.
        arrays: m floating matrices [n, d_m]; of few samples `compare` gives them with columns of zeros at the end.
        k: neighbours for the pair metrics.
        dimension_k: neighbours for the intrinsic dimension.
        rank_k: neighbours whose ranks the information imbalance takes.
        neighbour_metric: for the pair metrics.
        centre: whether the column means were taken off, which the neighbour scores must say.
        recall: share of the neighbours that the search is to find at least; None finds all.
        seed: of the permutations behind chance levels that have no closed form.
        block: rows that the pass visits at once; default what fits its memory.
        progress: called with (what, done, in all) as the pass goes on.
    """

    names: Sequence[str]
    arrays: Sequence[jax.Array]
    k: int = 25
    dimension_k: int = 50
    rank_k: int = 1
    neighbour_metric: NeighbourMetric = "cosine"
    centre: bool = False
    recall: float | None = None
    seed: int = 0
    block: int | None = None
    progress: Callable[[str, float, float], None] | None = None
    _cache: dict[Any, Any] = field(default_factory=dict, repr=False)

    @property
    def n(self) -> int:
        """Samples."""
        return len(self.arrays[0])

    @property
    def m(self) -> int:
        """Representations."""
        return len(self.arrays)

    @property
    def in_order(self) -> np.ndarray:
        """Bool [m, m], whether b does not come before a by name: in a pair it is the second by name that is permuted.

        So the order in which the models came does not matter.
        """
        place = np.argsort(np.argsort(self.names))
        return place[:, None] <= place[None, :]

    def cached(self, key: Any, compute: Callable[[], Any]) -> Any:
        """Return what is remembered under a key, computing it the first time."""
        if key not in self._cache:
            self._cache[key] = compute()
        return self._cache[key]

    def run_pass(self, needs: Sequence[Need]) -> None:
        """Make the pass for all that some metrics need; what was gathered before is dropped."""
        kernels = [kernel for kernel in ("linear", "rbf", "distance") if kernel in needs]
        tables: dict[NeighbourMetric, int] = {}
        if "neighbours" in needs:
            # CKNNA masks a similarity, and takes the cosine in place of a distance.
            for metric in {self.neighbour_metric, self.similarity}:
                tables[metric] = self.k
        if "dimension" in needs:
            tables["euclidean"] = max(tables.get("euclidean", 0), self.dimension_k)
        if "two_nearest" in needs:
            tables["euclidean"] = max(tables.get("euclidean", 0), 2)
        if "ranks" in needs:
            tables["euclidean"] = max(tables.get("euclidean", 0), self.rank_k, min(TABLE, self.n - 1))
        if kernels == ["linear"] and not tables and by_features(self.n, [x.shape[1] for x in self.arrays]):
            self._cache["features"] = True
            return
        if kernels or tables:
            plan = PassPlan(
                cast("tuple[Kernel, ...]", tuple(kernels)),
                tuple(tables.items()),
                self.rank_k * ("ranks" in needs),
                self.recall,
                ordered=max(
                    max(self.rank_k, TABLE) * ("ranks" in needs),
                    self.k * ("neighbours" in needs and self.neighbour_metric == "euclidean"),
                ),
            )
            sigmas = self.sigmas() if "rbf" in kernels else None
            self._cache["gathered"] = run_pass(
                self.prepared(), plan, sigmas=sigmas, block=self.block, progress=self.stage_callback(PASS)
            )

    def prepared(self) -> list[Prepared]:
        """Make each model ready for the pass."""
        return self.cached("views", lambda: [prepare(x) for x in self.arrays])

    def sigmas(self) -> list[jax.Array]:
        """RBF bandwidth of each model: the median of its non-zero distances."""

        def compute() -> list[jax.Array]:
            say, found = self.stage_callback(MEDIANS), []
            with Threads() as pool:
                for sigma in pool.map(median_of_prepared, self.prepared()):
                    found.append(sigma)
                    say(len(found), self.m)
            return found

        return self.cached("sigmas", compute)

    @property
    def similarity(self) -> Literal["cosine", "inner_product"]:
        """The neighbour metric, or cosine where that is a distance."""
        return "inner_product" if self.neighbour_metric == "inner_product" else "cosine"

    def hsic(self, kernel: Kernel, *, debiased: bool) -> np.ndarray:
        """HSIC of every pair, [m, m] in float64; the RBF bandwidth is each model's median distance."""

        def compute() -> np.ndarray:
            if kernel == "linear" and self._cache.get("features"):
                return feature_hsic(self._feature_products(), self._squares(), debiased=debiased)
            return np.asarray(self._pass_result(kernel).sums[kernel].hsic(debiased=debiased))

        return self.cached(("hsic", kernel, debiased), compute)

    def hsic_by_chance(self, kernel: Kernel) -> np.ndarray:
        """Biased HSIC of every pair on average over all orders of the samples of one, [m, m] in float64.

        tr(HKH) tr(HLH) / ((n - 1) n^2): a permutation moves the entries on the diagonal among themselves, and those off
        it, which are what the trace leaves to 0.
        """
        traces = np.asarray(self._sums(kernel).traces(), np.float64)
        return np.outer(traces, traces) / ((self.n - 1) * self.n**2)

    def effective_rank(self) -> list[float]:
        """[m], directions that the variance of each model is spread over."""
        result: PassResult | None = self._cache.get("gathered")
        # The linear kernel has the eigenvalues of the covariance.
        if self._cache.get("features") or (result is not None and "linear" in result.sums):
            squares = self.hsic("linear", debiased=False).diagonal() * self.n**2
        elif result is not None and result.squares is not None:
            squares = result.squares
        else:
            return [effective_rank(np.asarray(x)) for x in self.arrays]
        traces = self._squares().sum(1)
        return list(np.divide(traces**2, squares, out=np.zeros(self.m), where=squares > 0))

    def null_hsic(self, kernel: Kernel, permutations: Permutations, *, debiased: bool) -> np.ndarray:
        """HSIC of every pair under each permutation, [K, m, m] in float64, see `one_way`."""
        sums = self._sums(kernel)

        def compute() -> np.ndarray:
            sigmas = self.sigmas() if kernel == "rbf" else None
            means = sums.means.mean(1)
            return permuted_products(
                self.prepared(), kernel, means, permutations, sigmas=sigmas, progress=self.stage_callback(NULL)
            )

        products = self.cached(("null", kernel, permutations.orders.tobytes()), compute)
        return self.symmetrise(permuted_hsic(sums, products, permutations.orders, debiased=debiased))

    def symmetrise(self, values: np.ndarray) -> np.ndarray:
        """Make [K, m, m] with the second model permuted symmetric, see `in_order`."""
        return np.where(self.in_order, values, values.swapaxes(1, 2))

    def null_pairs(
        self,
        score: Callable[[Any, jax.Array], jax.Array],
        tables: Any,
        permutations: Permutations,
        shifted: Callable[[Any, Progress], np.ndarray] | None = None,
    ) -> np.ndarray:
        """Score every pair of tables under each permutation, of each pair the second by name permuted.

        Args:
            score: jitted; of tables with a leading axis of models, and orders [c, n], gives [c, m, m], entry (a, b) for
                a before b with the rows of b in another order, and (b, a) the same with the roles of x and y swapped.
            tables: a tree of arrays whose leading axis is that of the models.
            permutations: K of them.
            shifted: the same for all permutations at once, [K, m, m], where they are shifts along a cycle.

        Returns:
            [K, m, m] in float64, entry (a, b) = score(a, b).
        """
        by_name, say = np.argsort(self.names), self.stage_callback(NULL)
        ordered = jax.tree.map(lambda leaf: leaf[by_name], tables)
        if shifted is not None and permutations.cycle is not None:
            found = shifted(ordered, say)
        else:
            found = permutations.map(lambda orders: score(ordered, orders), say)
        values = np.empty_like(found)
        values[:, by_name[:, None], by_name[None, :]] = found
        return values

    def hsic_algorithm(self, kernel: Kernel) -> str:
        """Say by which products the HSIC of a kernel was had."""
        features = kernel == "linear" and self._cache.get("features")
        return "d x d products of features" if features else "n x n products of rows"

    def neighbour_recall(self) -> np.ndarray | None:
        """[m], the share of the neighbours that an approximate search has found, on some rows; None where all are."""
        result: PassResult | None = self._cache.get("gathered")
        return result.recall if result else None

    def ranks(self) -> np.ndarray:
        """Mean rank in b of the rank_k nearest neighbours in a, [m, m] in float64, entry (a, b); Euclidean."""
        found = self._pass_result("ranks").ranks
        assert found is not None
        return found

    def unique(self) -> list[jax.Array]:
        """For each model, bool [n]: rows that no earlier row equals."""

        def compute() -> list[jax.Array]:
            with Threads() as pool:
                return [jnp.asarray(kept) for kept in pool.map(first_occurrence_numpy, self.arrays)]

        return self.cached("unique", compute)

    def tables(self, k: int, metric: NeighbourMetric, *, unique: bool = False) -> list[Neighbours]:
        """Find the neighbour table of each model; with ``unique``, repeated rows are nobody's neighbour."""

        def compute() -> list[Neighbours]:
            result: PassResult | None = self._cache.get("gathered")
            stored = result.tables.get(metric) if result else None
            found = []
            for model, x in enumerate(self.arrays):
                kept = self.unique()[model] if unique else None
                if kept is not None and bool(kept.all()):
                    kept = None
                width = stored[model].indices.shape[1] if stored is not None else 0
                # Of a table that is in order, which only Euclidean ones are, fewer neighbours can be taken.
                enough = width == k or (width > k and metric == "euclidean")
                if kept is None and stored is not None and enough:
                    found.append(_nearest_of(stored[model], k))
                else:
                    found.append(find_table(prepare(x), k, metric, where=kept, ordered=not unique))
            return found

        return self.cached(("tables", k, metric, unique), compute)

    def lookups(self, k: int, metric: NeighbourMetric) -> list[Lookup]:
        """Sort the neighbour table of each model by index."""
        return self.cached(("lookups", k, metric), lambda: [lookup(table) for table in self.tables(k, metric)])

    def permutations(self, count: int) -> list[jax.Array]:
        """Random orders of the rows, behind chance levels that have no closed form."""
        generator = np.random.default_rng(self.seed)
        return [jnp.asarray(generator.permutation(self.n).astype(np.int32)) for _ in range(count)]

    def neighbour_attributes(self) -> Mapping[str, Any]:
        """Return the attributes that a neighbour score must carry."""
        return {
            "k": self.k,
            "neighbour_metric": self.neighbour_metric,
            "centring": "columns" if self.centre else "none",
        }

    def _squares(self) -> np.ndarray:
        """[m, n] in float64, squared lengths of the points."""
        return np.stack([np.asarray(prepared.norms.squares, np.float64) for prepared in self.prepared()])

    def _feature_products(self) -> np.ndarray:
        return self.cached("feature products", lambda: np.asarray(feature_products(self.prepared()), np.float64))

    def _sums(self, kernel: Kernel) -> Sums:
        if kernel == "linear" and self._cache.get("features"):
            # Of centred rows: without its diagonal a row of the kernel sums to what that lacks.
            squares = self._squares()
            return Sums(None, -squares / (self.n - 1), squares)
        return self._pass_result(kernel).sums[kernel]

    def _pass_result(self, need: Need) -> PassResult:
        found: PassResult | None = self._cache.get("gathered")
        if found is None or (need == "ranks" and found.ranks is None) or (need != "ranks" and need not in found.sums):
            self.run_pass([need])
            found = self._cache["gathered"]
        return found

    def stage_callback(self, what: str) -> Callable[[int, int], None]:
        """Return what is told how much of a stage is done: (done, in all)."""

        def report(done: int, total: int) -> None:
            if self.progress is not None:
                self.progress(what, done, total)

        return report


def _nearest_of(table: Neighbours, k: int) -> Neighbours:
    """Return the table of the k nearest, from one of more."""
    if table.indices.shape[1] == k:
        return table
    tied = table.value[:, k - 1] == table.value[:, k]
    return Neighbours(table.indices[:, :k], table.value[:, :k], tied)
