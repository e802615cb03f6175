"""Linear kernels alone are computed from one half of each Gram product, as precisely as from whole ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hyle.engine import Comparison, compare
from hyle.engine.base import Checkpoint
from hyle.engine.block_pass import PassPlan, linear, run_pass, segments
from hyle.engine.context import CompareConfig, plan_pass
from hyle.engine.gram import Prepared, Sums, by_features, multiply, prepare

from .. import definitions

PLAN = PassPlan(("linear",))


def views(n: int, *widths: int, seed: int = 0) -> list[np.ndarray]:
    """Draw representations of one latent, with noise."""
    generator = np.random.default_rng(seed)
    latent = generator.normal(size=(n, 6))
    return [(latent @ generator.normal(size=(6, d)) + generator.normal(size=(n, d))).astype(np.float32) for d in widths]


def sums_of(arrays: list[np.ndarray], block: int | None = None, *, kept: bool = True) -> Sums:
    """Run a pass for linear kernels alone."""
    return run_pass([prepare(x, kept=kept) for x in arrays], PLAN, block=block).sums["linear"]


def check(arrays: list[np.ndarray], block: int | None = None, *, kept: bool = True, atol: float = 1e-6) -> None:
    """Compare the HSIC of all pairs with the definitions, relative to the norms of the kernels."""
    sums, kernels = sums_of(arrays, block, kept=kept), [definitions.kernel_matrix(x, "linear") for x in arrays]
    scale = np.array([float(prepare(x).norms.scale) for x in arrays]) ** 2
    for debiased, definition in ((True, definitions.unbiased_hsic), (False, definitions.biased_hsic)):
        expected = np.array([[definition(a, b) for b in kernels] for a in kernels])
        norm = np.sqrt(np.outer(expected.diagonal(), expected.diagonal()))
        values = sums.hsic(debiased=debiased) * np.outer(scale, scale)
        np.testing.assert_allclose(values / norm, expected / norm, rtol=0, atol=atol)


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("n", [63, 64, 65, 127, 128, 129, 130])
def test_rows_around_the_boundaries_of_blocks(n: int, kept: bool) -> None:
    check(views(n, 90, 40, 200), 64, kept=kept)


@pytest.mark.parametrize(("n", "block"), [(4, None), (5, 2), (9, 1), (40, 7), (40, 100)])
def test_few_rows(n: int, block: int | None) -> None:
    check(views(n, 7, 30), block)


@pytest.mark.parametrize("offset", [0.0, 200.0])
def test_many_more_columns_than_rows(offset: float) -> None:
    generator = np.random.default_rng(0)
    check([(generator.normal(size=(40, 8000)) + offset).astype(np.float32) for _ in range(3)], 16)


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
    for debiased in (True, False):
        values = sums_of([x, constant, y], 16).hsic(debiased=debiased)
        assert not values[1].any()
        assert values[0, 2] > 0


def test_rows_that_are_not_finite_concern_their_own_model() -> None:
    x, y, z = views(40, 20, 30, 25)
    y[4, 2] = np.inf
    values = sums_of([x, y, z], 16).hsic(debiased=True)
    assert np.isnan(values[1]).all()
    np.testing.assert_array_equal(values[np.ix_([0, 2], [0, 2])], sums_of([x, z], 16).hsic(debiased=True))


def test_means_and_traces_are_those_of_the_kernels() -> None:
    arrays = views(50, 20, 30)
    sums = sums_of(arrays, 16)
    for x, means, trace in zip(arrays, sums.means, sums.traces(), strict=True):
        points = np.asarray(prepare(x).points, np.float64)
        kernel = points @ points.T
        np.testing.assert_allclose(means, (kernel.sum(1) - kernel.diagonal()) / 49, rtol=1e-5, atol=1e-6)
        assert trace == pytest.approx(kernel.trace(), rel=1e-6)


@pytest.mark.parametrize("whole", [True, False])
def test_products_that_are_kept_give_the_same(whole: bool) -> None:
    prepared = [prepare(x) for x in views(70, 20, 90)]
    found = run_pass([each.with_gram() for each in prepared] if whole else prepared, PLAN, block=32).sums["linear"]
    expected = run_pass(prepared, PLAN, block=70).sums["linear"]
    np.testing.assert_allclose(found.products, expected.products, rtol=1e-6)


def test_only_one_half_of_the_products_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    n, block, after = 400, 100, 0

    def counted(points: np.ndarray, some: np.ndarray, rows: slice, out: np.ndarray) -> np.ndarray:
        nonlocal after
        after += out.size
        return multiply(points, some, rows, out)

    def refuse(*_: object) -> None:
        raise AssertionError("products of some rows with all rows")

    monkeypatch.setattr(linear, "multiply", counted)
    monkeypatch.setattr(Prepared, "gram", refuse)
    steps: list[tuple[int, int]] = []
    arrays = views(n, 300, 500)
    run_pass([prepare(x) for x in arrays], PLAN, block=block, progress=lambda *step: steps.append(step))
    assert steps == [(100, n), (200, n), (300, n), (400, n)]
    # What is left are the b x b products of each block with itself.
    assert after == 2 * (n * n - n * block) / 2
    found = compare(dict(zip("xy", arrays, strict=True)), metrics=["cka"], block=block)
    assert found.cka.attrs["form"] == "n x n products of rows"
    expected = definitions.cka(*arrays, debiased=True)
    assert float(found.cka.sel(model="x", other="y")) == pytest.approx(expected, abs=1e-6)


def test_an_interrupted_pass_continues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock: Iterator[int] = iter(range(10**6))
    monkeypatch.setattr(segments.time, "monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(segments, "SECONDS", 2)
    prepared, started = [prepare(x) for x in views(203, 30, 60)], []

    def run(folder: Path | None, stop: int = 1000) -> Sums:
        def progress(done: int, _: int) -> None:
            started.append(done)
            if done >= stop:
                raise KeyboardInterrupt

        checkpoint = folder and Checkpoint(folder)
        return run_pass(prepared, PLAN, block=10, checkpoint=checkpoint, progress=progress).sums["linear"]

    whole = run(None)
    for stop in (70, 150):
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, stop)
    started.clear()
    for one, other in zip(run(tmp_path), whole, strict=True):
        np.testing.assert_array_equal(one, other)
    assert started[0] > 100


def test_rows_cost_half_only_where_linear_kernels_are_alone() -> None:
    n, widths = 1000, [700, 700]  # more columns than rows, and less than twice as many
    assert by_features(n, widths)
    assert not by_features(n, widths, half=True)
    assert by_features(n, [450, 450], half=True)
    config = CompareConfig()
    assert plan_pass(["linear"], n, widths, config).features
    assert plan_pass(["linear"], n, widths, config, half=True).kernels == ("linear",)
    for needs in (["linear", "neighbours"], ["linear", "rbf"]):
        assert plan_pass(needs, n, widths, config, half=True) == plan_pass(needs, n, widths, config)


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
