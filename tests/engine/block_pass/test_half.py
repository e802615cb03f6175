"""Kernels alone are computed from one half of each Gram product, as precisely as from whole ones."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from hyle.engine import Comparison, compare
from hyle.engine.base import Checkpoint
from hyle.engine.block_pass import PassPlan, PassResult, run_pass, segments
from hyle.engine.context import CompareConfig, Need, plan_pass
from hyle.engine.gram import Kernel, Prepared, Sums, by_features, half, median_distance, multiply, prepare
from hyle.engine.gram import prepared as prepared_module
from hyle.engine.neighbours import NeighbourMetric

from .. import definitions

KERNELS: tuple[Kernel, ...] = ("linear", "rbf", "distance")
PLAN = PassPlan(KERNELS)


def views(n: int, *widths: int, seed: int = 0) -> list[np.ndarray]:
    """Draw representations of one latent, with noise."""
    generator = np.random.default_rng(seed)
    latent = generator.normal(size=(n, 6))
    return [(latent @ generator.normal(size=(6, d)) + generator.normal(size=(n, d))).astype(np.float32) for d in widths]


def sums_of(
    arrays: list[np.ndarray], block: int | None = None, *, kept: bool = True, plan: PassPlan = PLAN
) -> dict[Kernel, Sums]:
    """Run a pass for kernels alone; those of Gaussians have a bandwidth of each array."""
    sigmas = [np.asarray(median_distance(x)) for x in arrays]
    return run_pass([prepare(x, kept=kept) for x in arrays], plan, sigmas=sigmas, block=block).sums


def kernel_of(x: np.ndarray, kernel: Kernel) -> np.ndarray:
    """Compute a kernel in float64, in the units of the points."""
    far = cdist(*2 * [x.astype(np.float64)])
    if kernel == "rbf":
        return np.exp(-(far**2) / (2 * float(median_distance(x)) ** 2))
    scale = float(prepare(x).norms.scale)
    return far / scale if kernel == "distance" else definitions.kernel_matrix(x, "linear") / scale**2


def check(arrays: list[np.ndarray], block: int | None = None, *, kept: bool = True, atol: float = 1e-6) -> None:
    """Compare the HSIC of all pairs with the definitions, relative to the norms of the kernels.

    Args:
        arrays: the representations.
        block: rows of a block.
        kept: whether the points are kept.
        atol: tolerance; that of linear kernels is 1e-6.
    """
    found = sums_of(arrays, block, kept=kept)
    assert list(found) == list(KERNELS)
    for kernel, sums in found.items():
        kernels = [kernel_of(x, kernel) for x in arrays]
        for debiased, definition in ((True, definitions.unbiased_hsic), (False, definitions.biased_hsic)):
            expected = np.array([[definition(a, b) for b in kernels] for a in kernels])
            norm = np.sqrt(np.outer(expected.diagonal(), expected.diagonal()))
            values = sums.hsic(debiased=debiased)
            np.testing.assert_allclose(
                values / norm, expected / norm, rtol=0, atol=1e-6 if kernel == "linear" else atol, err_msg=kernel
            )


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("n", [63, 64, 65, 127, 128, 129, 130])
def test_rows_around_the_boundaries_of_blocks(n: int, kept: bool) -> None:
    check(views(n, 90, 40, 200), 64, kept=kept)


@pytest.mark.parametrize(("n", "block"), [(4, None), (5, 2), (9, 1), (40, 7), (40, 100)])
def test_few_rows(n: int, block: int | None) -> None:
    # With 4 rows the kernels are nearly those of which nothing is left: rounding them to float32 costs 3e-6.
    check(views(n, 7, 30), block, atol=4e-6 if n == 4 else 1e-6)


@pytest.mark.parametrize("offset", [0.0, 200.0])
def test_many_more_columns_than_rows(offset: float) -> None:
    generator = np.random.default_rng(0)
    # All distances are nearly equal: of rounding them to float32, 2e-6 are left in Gaussians.
    check([(generator.normal(size=(40, 8000)) + offset).astype(np.float32) for _ in range(3)], 16, atol=3e-6)


@pytest.mark.parametrize("kept", [True, False])
def test_far_from_the_origin(kept: bool) -> None:
    check([(x + 200 * x.std()).astype(np.float32) for x in views(150, 90, 40, 200)], 64, kept=kept)


def test_a_row_far_from_all_others_costs_no_precision() -> None:
    arrays = views(300, 50, 60)
    for x in arrays:
        x[3] += 1000
    # Of rows that are centred in one direction only, large terms cancel: their error is 6e-6.
    check(arrays, 100)


def test_equal_rows_give_exactly_zero() -> None:
    x, y = views(40, 20, 30)
    constant = np.full_like(x, 0.1)
    for sums in sums_of([x, constant, y], 16).values():
        for debiased in (True, False):
            values = sums.hsic(debiased=debiased)
            assert not values[1].any()
            assert values[0, 2] > 0


def test_rows_that_are_not_finite_concern_their_own_model() -> None:
    x, y, z = views(40, 20, 30, 25)
    y[4, 2] = np.inf
    whole, others = sums_of([x, y, z], 16), sums_of([x, z], 16)
    for kernel in KERNELS:
        values = whole[kernel].hsic(debiased=True)
        assert np.isnan(values[1]).all()
        # Not to the bit: products of two and of three models are added in another order on some processors.
        np.testing.assert_allclose(values[np.ix_([0, 2], [0, 2])], others[kernel].hsic(debiased=True), rtol=1e-6)


def test_means_and_traces_are_those_of_the_kernels() -> None:
    arrays = views(50, 20, 30)
    for kernel, sums in sums_of(arrays, 16).items():
        for x, means, trace in zip(arrays, sums.means, sums.traces(), strict=True):
            matrix = kernel_of(x, kernel)
            if kernel == "linear":
                matrix = matrix - matrix.mean(0) - matrix.mean(1)[:, None] + matrix.mean()
            np.testing.assert_allclose(means, (matrix.sum(1) - matrix.diagonal()) / 49, rtol=1e-5, atol=1e-6)
            assert trace == pytest.approx(matrix.trace() - matrix.mean() * 50, rel=1e-5)


def test_equal_rows_have_distance_zero() -> None:
    arrays = [x[np.arange(60) % 20] + np.float32(50) for x in views(20, 30, 40)]
    check(arrays, 16)


@pytest.mark.parametrize("whole", [True, False])
def test_products_that_are_kept_give_the_same(whole: bool) -> None:
    prepared = [prepare(x) for x in views(70, 20, 90)]
    sigmas = [np.float32(9)] * 2
    found = run_pass([each.with_gram() for each in prepared] if whole else prepared, PLAN, sigmas=sigmas, block=32)
    expected = run_pass(prepared, PLAN, sigmas=sigmas, block=70)
    for kernel in KERNELS:
        np.testing.assert_allclose(found.sums[kernel].products, expected.sums[kernel].products, rtol=1e-6)


def test_only_one_half_of_the_products_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    n, block, after = 400, 100, 0

    def counted(points: np.ndarray, some: np.ndarray, rows: slice, out: np.ndarray) -> np.ndarray:
        nonlocal after
        after += out.size
        return multiply(points, some, rows, out)

    def refuse(*_: object) -> None:
        raise AssertionError("products of some rows with all rows")

    for module in (half, prepared_module):
        monkeypatch.setattr(module, "multiply", counted)
    monkeypatch.setattr(Prepared, "gram", refuse)
    steps: list[tuple[int, int]] = []
    arrays = views(n, 300, 500)
    prepared, sigmas = [prepare(x) for x in arrays], [np.float32(9)] * 2
    run_pass(prepared, PLAN, sigmas=sigmas, block=block, progress=lambda *step: steps.append(step))
    assert steps == [(100, n), (200, n), (300, n), (400, n)]
    # What is left are the b x b products of each block with itself, and the products of the sample.
    assert after == 2 * (n * n - n * block) / 2 + 2 * half.SAMPLE * n
    found = compare(dict(zip("xy", arrays, strict=True)), metrics=["cka"], block=block)
    assert found.cka.attrs["form"] == "n x n products of rows"
    expected = definitions.cka(*arrays, debiased=True)
    assert float(found.cka.sel(model="x", other="y")) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("plan", "state"), [(PLAN, "there"), (PassPlan(("distance",)), "there"), (PLAN, "lost")])
def test_an_interrupted_pass_continues(
    plan: PassPlan, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock: Iterator[int] = iter(range(10**6))
    monkeypatch.setattr(segments.time, "monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(segments, "SECONDS", 2)
    prepared, started, sigmas = [prepare(x) for x in views(203, 30, 60)], [], [np.float32(9)] * 2

    def run(folder: Path | None, stop: int = 1000) -> PassResult:
        def progress(done: int, _: int) -> None:
            started.append(done)
            if done >= stop:
                raise KeyboardInterrupt

        checkpoint = folder and Checkpoint(folder)
        return run_pass(prepared, plan, sigmas=sigmas, block=10, checkpoint=checkpoint, progress=progress)

    whole = run(None)
    for stop in (70, 150):
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, stop)
    started.clear()
    states = list(tmp_path.glob("*/sums to *"))
    assert len(states) == 1  # of the last rows only
    if state == "lost":
        shutil.rmtree(states[0])
        monkeypatch.setattr(segments, "SECONDS", 3)  # segments of other lengths
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, 170)
        assert started[0] == 10
        started.clear()  # the segments that need what is lost are gone, so that others have taken their place
    continued = run(tmp_path)
    assert started[0] > 100
    for kernel in plan.kernels:
        for one, other in zip(continued.sums[kernel], whole.sums[kernel], strict=True):
            np.testing.assert_array_equal(one, other)
    assert (continued.squares is None) == ("linear" in plan.kernels)
    np.testing.assert_array_equal(continued.squares, whole.squares)


@pytest.mark.parametrize("kernels", [("distance",), ("rbf", "distance")])
@pytest.mark.parametrize("tables", [(), (("cosine", 5),)])
@pytest.mark.parametrize("block", [7, 100])
def test_squared_products_are_summed_beside_other_kernels(
    kernels: tuple[Kernel, ...], tables: tuple[tuple[NeighbourMetric, int], ...], block: int
) -> None:
    prepared = [prepare(x) for x in views(90, 20, 30)]
    found = run_pass(prepared, PassPlan(kernels, tables), sigmas=[np.float32(9)] * 2, block=block).squares
    points = [np.asarray(each.points, np.float64) for each in prepared]
    np.testing.assert_allclose(found, [((x @ x.T) ** 2).sum() for x in points], rtol=1e-6)


def test_rows_cost_half_only_where_kernels_are_alone() -> None:
    n, widths = 1000, [700, 700]  # more columns than rows, and less than twice as many
    assert by_features(n, widths)
    assert not by_features(n, widths, half=True)
    assert by_features(n, [450, 450], half=True)
    config = CompareConfig()
    assert plan_pass(["linear"], n, widths, config).features
    assert plan_pass(["linear"], n, widths, config, half=True).kernels == ("linear",)
    needs: list[Need] = ["linear", "neighbours"]
    assert plan_pass(needs, n, widths, config, half=True) == plan_pass(needs, n, widths, config)
    # Beside other kernels the linear one costs only the products of pairs of models.
    assert plan_pass(["linear", "rbf"], n, [30, 30], config).features
    assert not plan_pass(["linear", "rbf"], n, [30, 30], config, half=True).features


@pytest.mark.parametrize("groups", [None, [str(i // 2) for i in range(60)]])
def test_permutations_of_either_form_agree(groups: list[str] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = dict(zip("xy", views(60, 40, 45), strict=True))

    def run() -> Comparison:
        return compare(arrays, metrics=["cka"], permutations=19, groups=groups, seed=1)

    half = run()
    assert half.cka.attrs["form"] == "n x n products of rows"
    monkeypatch.setattr("hyle.engine.context.context.use_numpy", lambda _: False)
    whole = run()
    assert whole.cka.attrs["form"] == "d x d products of features"
    for name in ("cka", "cka_null", "cka_p"):
        np.testing.assert_allclose(half[name].values, whole[name].values, atol=1e-6)
