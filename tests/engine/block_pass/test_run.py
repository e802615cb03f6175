from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hyle.engine.block_pass.plan import PassPlan
from hyle.engine.block_pass.run import run_pass
from hyle.engine.gram.features import by_features, feature_hsic, feature_products
from hyle.engine.gram.median import median_of_prepared
from hyle.engine.gram.prepared import prepare
from hyle.engine.neighbours.search import neighbours

from .. import definitions
from ..samples import K, N, single, views

KERNELS = ("linear", "rbf", "distance")
TABLES = (("cosine", K), ("euclidean", 2 * K))
PLAN = PassPlan(KERNELS, TABLES, 2)


def arrays(offset=0.0):
    """Three representations, one of them with duplicate rows."""
    x, y = views(0)
    third = np.random.default_rng(1).normal(size=x.shape)
    third[:9] = third[20]
    return [single(v + offset * v.std()) for v in (x, y, third)]


def result(block=None, order=(0, 1, 2), plan=PLAN, offset=0.0, progress=None):
    prepared = [prepare(jnp.asarray(arrays(offset)[i])) for i in order]
    sigmas = [median_of_prepared(p) for p in prepared]
    return run_pass(prepared, plan, sigmas=sigmas, block=block, progress=progress)


@pytest.fixture(scope="module")
def whole():
    return result(N)


@pytest.mark.parametrize("block", [1, 7, N + 13])
def test_block_size_changes_no_sum_and_no_neighbour(block, whole):
    found = result(block)
    assert found.block == block
    for kernel in KERNELS:
        for name, value in whole.sums[kernel]._asdict().items():
            scale = np.abs(value).max()
            np.testing.assert_allclose(getattr(found.sums[kernel], name), value, rtol=1e-6, atol=1e-6 * scale)
    for metric, k in TABLES:
        for one, other in zip(found.tables[metric], whole.tables[metric], strict=True):
            assert one.indices.shape == (N, k)
            if metric == "euclidean":
                # Of the dimension's table only distances count, and of its two nearest neighbours the order; which of
                # several equal rows comes first beyond them depends on how a product is rounded.
                np.testing.assert_array_equal(one.indices[:, :2], other.indices[:, :2])
            else:
                np.testing.assert_array_equal(one.indices, other.indices)
            np.testing.assert_array_equal(one.tied, other.tied)
            np.testing.assert_allclose(one.value, other.value, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(found.ranks, whole.ranks)


def test_order_of_models(whole):
    order = [2, 0, 1]
    found, ix = result(N, order), np.ix_(order, order)
    for kernel in KERNELS:
        one, other = found.sums[kernel], whole.sums[kernel]
        np.testing.assert_allclose(one.products, other.products[ix], rtol=1e-5)
        np.testing.assert_array_equal(one.means, other.means[order])
        np.testing.assert_array_equal(one.diagonals, other.diagonals[order])
    for metric, _ in TABLES:
        for i, table in enumerate(found.tables[metric]):
            np.testing.assert_array_equal(table.indices, whole.tables[metric][order[i]].indices)
    np.testing.assert_array_equal(found.ranks, whole.ranks[ix])


def powers(offset):
    """The units of the points of each representation."""
    return np.array([float(prepare(jnp.asarray(x)).norms.scale) for x in arrays(offset)])


@pytest.mark.parametrize("offset", [0.0, 200.0])
@pytest.mark.parametrize("kernel", KERNELS)
def test_sums_give_the_hsic_of_the_definition(kernel, offset, whole):
    sums = (whole if not offset else result(N, offset=offset)).sums[kernel]
    if kernel == "distance":
        kernels = [definitions.distances(x) for x in arrays(offset)]
    else:
        kernels = [definitions.kernel_matrix(x, kernel) for x in arrays(offset)]
    scale = powers(offset) ** {"linear": 2, "distance": 1, "rbf": 0}[kernel]
    for debiased, definition in ((True, definitions.unbiased_hsic), (False, definitions.biased_hsic)):
        expected = np.array([[definition(a, b) for b in kernels] for a in kernels])
        values = sums.hsic(debiased=debiased) * np.outer(scale, scale)
        norm = np.sqrt(np.outer(expected.diagonal(), expected.diagonal()))
        np.testing.assert_allclose(values / norm, expected / norm, atol=1e-5)


@pytest.mark.parametrize("offset", [0.0, 200.0])
@pytest.mark.parametrize("debiased", [True, False])
def test_features_give_the_same_as_rows(debiased, offset):
    rows = result(N, plan=PassPlan(("linear",)), offset=offset).sums["linear"].hsic(debiased=debiased)
    prepared = [prepare(jnp.asarray(x)) for x in arrays(offset)]
    squares = np.stack([np.asarray(p.norms.squares, np.float64) for p in prepared])
    close = partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-5 * rows.diagonal().min())
    products = feature_products(prepared)
    assert products.dtype == np.float64
    close(feature_hsic(products, squares, debiased=debiased), rows)
    compiled = jax.jit(feature_products)(prepared)
    close(feature_hsic(compiled, jnp.asarray(squares, jnp.float32), debiased=debiased), rows)


@pytest.mark.parametrize("widths", [(8,), (8, 300), (100, 100, 100), (4, 4, 4, 4, 4)])
def test_the_form_with_fewer_products_is_taken(widths):
    columns = sum(widths)
    features = sum(1 for i in range(columns) for _ in range(i, columns))  # each of n multiplications
    for n in (4, 40, 140, 160, 250, 4000):
        # Per entry: d for the Gram product of each model, one for each pair of kernels.
        rows = n * n * (columns + sum(1 for i in range(len(widths)) for _ in range(i, len(widths))))
        assert by_features(n, widths) == (n * features < rows)
    assert by_features(10**5, widths)
    assert not by_features(2, (5000,))


def test_tables_are_those_of_the_function(whole):
    for metric, k in TABLES:
        for x, table in zip(arrays(), whole.tables[metric], strict=True):
            expected = neighbours(jnp.asarray(x), k, metric)
            np.testing.assert_array_equal(table.indices, expected.indices)
            np.testing.assert_array_equal(table.tied, expected.tied)


def test_ranks_are_those_of_the_definition(whole):
    for a, x in enumerate(arrays()):
        for b, y in enumerate(arrays()):
            expected = definitions.information_imbalance(x, y, 2) * N / 2
            assert whole.ranks[a, b] == pytest.approx(expected, rel=1e-12), (a, b)


def test_only_planned_quantities_are_computed():
    found = result(N, plan=PassPlan((), (("cosine", K),)))
    assert found.sums == {}
    assert found.ranks is None
    assert list(found.tables) == ["cosine"]


def test_progress_is_reported():
    steps = []
    result(7, plan=PassPlan(("linear",)), progress=lambda *step: steps.append(step))
    assert steps == [(min(N, done), N) for done in range(7, N + 7, 7)]


def test_a_block_stays_within_its_bytes(monkeypatch):
    monkeypatch.setattr("hyle.engine.base.memory.BLOCK_BYTES", 10 * 3 * N * 4)
    monkeypatch.setattr("hyle.engine.block_pass.run.MIN_BLOCK", 4)
    assert result(plan=PassPlan(("linear",))).block == 10
    assert result(N, plan=PassPlan(("linear",))).block == N
    # Every block reads all points: a few rows take longer than their share.
    monkeypatch.setattr("hyle.engine.block_pass.run.MIN_BLOCK", 30)
    assert 20 <= result(plan=PassPlan(("linear",))).block <= 30


def test_results_have_float64_precision(float64):
    # Also in threads, although `jax.enable_x64` applies to one thread only.
    prepared = [prepare(jnp.asarray(np.asarray(x, np.float64))) for x in arrays()]
    found = run_pass(prepared, PassPlan(("distance",), TABLES[:1]), block=N)
    assert found.tables["cosine"][0].value.dtype == np.float64
    kernels = [definitions.distances(x) / float(p.norms.scale) for x, p in zip(arrays(), prepared, strict=True)]
    expected = np.array([[definitions.unbiased_hsic(a, b) for b in kernels] for a in kernels])
    np.testing.assert_allclose(found.sums["distance"].hsic(debiased=True), expected, rtol=1e-9, atol=1e-12)


def test_a_second_pass_of_the_same_shapes_compiles_nothing(whole):
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(lambda event, *_, **__: compiled.append(event))
    again = result(N)
    assert not [event for event in compiled if "backend_compile" in event]
    np.testing.assert_array_equal(again.ranks, whole.ranks)


MATRIX = 6000 * 6000 * 4 / 2**20  # MiB of one n x n float32 matrix
MODELS = 4
SCRIPT = textwrap.dedent(
    """
    import resource, sys
    import numpy as np
    from hyle.engine import compare
    from hyle.engine.base import memory

    metrics = ("cka", "cka_rbf", "distance_correlation", "mutual_knn", "cknna", "information_imbalance",
               "intrinsic_dimension", "intrinsic_dimension_twonn")
    memory.BLOCK_BYTES = 2**25  # 32 MiB, so that blocks do not hide a whole matrix
    x = np.random.default_rng(0).normal(size=(4, 6000, 64)).astype(np.float32)

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)

    def run(n):
        return compare({str(i): v[:n] for i, v in enumerate(x)}, metrics=metrics, k=10)

    run(200)  # most of the memory of the compiler is not counted
    before = peak()
    run(6000)
    print(peak() - before)
    """
)


def test_no_matrix_of_all_pairs_is_in_memory():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=300)
    growth = json.loads(done.stdout)
    # The kernels of four models take 549 MiB, and each is used in three forms.
    assert growth < 1.5 * MATRIX < MODELS * MATRIX / 2, growth
