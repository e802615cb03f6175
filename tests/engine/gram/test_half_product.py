"""One half of the inner products serves the median and the pass."""

from __future__ import annotations

import numpy as np
import pytest

from hyle.engine import compare
from hyle.engine.context import context, half_products
from hyle.engine.gram import half_product, median_of_prepared, prepare
from hyle.engine.gram.half_distances import distances_between

from ..samples import single, views

N = 140


def sample() -> np.ndarray:
    generator = np.random.default_rng(0)
    return (generator.normal(size=(N, 12)) @ generator.normal(size=(12, 30)) + 0.5).astype(np.float32)


@pytest.fixture(params=[1, 7, 64, 128, 140, 200])
def rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Rows of a kept block; blocks of three times as many are multiplied."""
    monkeypatch.setattr(half_product, "ROWS", request.param)
    monkeypatch.setattr(half_product, "MULTIPLIED", 3 * request.param)
    return request.param


@pytest.mark.parametrize("kept", [True, False], ids=["points", "centred where they are read"])
def test_all_products_of_any_rows_are_there(rows: int, kept: bool) -> None:
    prepared = prepare(sample(), kept=kept)
    points = np.asarray(prepared.points, np.float64)
    half, expected = prepared.with_half(), points @ points.T
    for start, end in ((0, N), (0, 1), (3, 5), (60, 131), (N - 1, N), (127, 129), (rows % N, N)):
        found = half.gram(np.arange(start, end, dtype=np.int32))
        np.testing.assert_allclose(found, expected[start:end], atol=1e-5)
        after = half.half_gram(start, end, np.empty(0, np.float32))
        np.testing.assert_allclose(after, expected[start:end, start:], atol=1e-5)
    padded = half.gram(np.minimum(np.arange(130, 150), N - 1))
    np.testing.assert_allclose(padded, expected[[*range(130, N), *[N - 1] * 10]], atol=1e-5)


def test_only_one_half_and_the_blocks_on_the_diagonal_are_kept(rows: int) -> None:
    half = prepare(sample()).with_half().half
    assert half is not None
    entries = sum(half.block(start).size for start in range(0, N, rows))
    assert entries == half_product.HalfProduct.entries(N) <= N * (N + min(rows, N)) / 2
    assert all(half.block(start).base is None for start in range(0, N, rows))  # no view that holds more


def test_distances_and_their_median_are_the_same(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hyle.engine.gram.half_distances.ROWS", rows)
    x = sample()
    x[3:9] = x[40]  # of distance 0
    prepared = prepare(x)
    points = np.asarray(prepared.points, np.float64)
    far = ((points[:, None] - points[None]) ** 2).sum(2)[np.triu_indices(N, 1)]
    far = far[far > 0]
    low, high = np.quantile(far, [0.3, 0.6])
    for each in (prepared, prepared.with_half(), prepared.with_gram()):
        values, below, finite = distances_between(each, np.float32(low), np.float32(high))
        assert (below, finite) == ((far < low).sum(), len(far))
        np.testing.assert_allclose(np.sort(values), np.sort(far[(far >= low) & (far <= high)]), rtol=1e-5)
        sigma = np.median(np.sqrt(far)) * float(prepared.norms.scale)
        np.testing.assert_allclose(median_of_prepared(each), sigma, rtol=1e-6)


METRICS = ("cka_rbf", "distance_correlation", "mutual_knn", "information_imbalance", "intrinsic_dimension")


@pytest.mark.parametrize("metrics", [METRICS, METRICS[:2]], ids=["with neighbours", "kernels only"])
@pytest.mark.parametrize("block", [None, 33])
def test_a_comparison_is_the_same_and_keeps_nothing_after_it(
    metrics: tuple[str, ...], block: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(0)
    latent = generator.normal(size=(300, 6))
    widths = {"narrow": 5, "wide": 40, "widest": 70}
    models = {
        name: np.tanh(latent @ generator.normal(size=(6, width))).astype(np.float32) for name, width in widths.items()
    }
    kept: list[int] = []

    class Recorded(half_product.HalfProduct):
        def __init__(self, n, multiply, dtype):
            kept.append(multiply.__self__.points.shape[1])
            super().__init__(n, multiply, dtype)

    monkeypatch.setattr("hyle.engine.gram.prepared.HalfProduct", Recorded)
    monkeypatch.setattr(context, "MAX_ENTRIES", 0)  # as for many samples
    monkeypatch.setattr(half_products, "KEPT_PRODUCTS", 2 * half_product.HalfProduct.entries(300) * 4)
    with_halves = compare(models, metrics=metrics, block=block, k=5)
    assert sorted(kept) == [40, 70]  # the widest two
    monkeypatch.setattr(half_products, "KEPT_PRODUCTS", 0)
    without = compare(models, metrics=metrics, block=block, k=5)
    assert len(kept) == 2
    for name in metrics:
        np.testing.assert_allclose(with_halves[name], without[name], rtol=1e-5, atol=1e-6)


def test_halves_are_dropped_after_the_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "MAX_ENTRIES", 0)
    arrays = [single(view) for view in views(0)]
    found = context.MetricContext(["a", "b"], arrays)
    found.run_pass(["rbf", "neighbours"])
    assert all(each.half is None for each in found.prepared())
    assert found.pass_result("rbf").sums
