"""BLAS has one thread while products run side by side, and as many as before afterwards."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import numpy as np
import pytest

from hyle.engine import compare
from hyle.engine.base import Threads, multiply_each, one_thread_products, products, threads
from hyle.engine.gram import fits_one_block, half, product
from hyle.engine.gram.product import gram_of_all
from hyle.engine.neighbours import row_blocks, tiles

if not products._blas().info():
    pytest.skip("the BLAS of this NumPy has no number of threads", allow_module_level=True)


def blas_threads() -> set[int]:
    # Not of libraries that a test loads, with a BLAS of their own.
    return {each["num_threads"] for each in products._blas().info()}


@pytest.fixture(autouse=True)
def three_threads() -> Any:
    with products._blas().limit(limits=3):
        yield
        assert blas_threads() == {3}


def test_the_limit_ends_with_the_first_block_whatever_others_begin() -> None:
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with one_thread_products():
            inside.set()
            leave.wait()

    thread = threading.Thread(target=other)
    with one_thread_products():
        with one_thread_products():
            assert blas_threads() == {1}
        assert blas_threads() == {1}
        thread.start()
        inside.wait()
    assert blas_threads() == {3}
    leave.set()
    thread.join()
    assert blas_threads() == {3}
    with one_thread_products():
        assert blas_threads() == {1}


def test_the_limit_ends_after_an_error() -> None:
    with pytest.raises(ValueError, match="inside"), one_thread_products():
        raise ValueError("inside")
    assert blas_threads() == {3}


@pytest.mark.parametrize(
    ("work", "beside"), [([1, 1, 1, 1], True), ([1, 1, 1], False), ([4, 1, 1, 1, 1], True), ([9], False)]
)
def test_items_are_computed_side_by_side_if_this_keeps_both_cores_busy(
    work: list[float], beside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "count_cores", lambda: 2)
    seen = []

    def function(item: str, threads: int) -> str:
        seen.append((threads, blas_threads()))
        return 2 * item

    items = [f"item {at}" for at in range(len(work))]
    assert list(multiply_each(function, items, work)) == [2 * item for item in items]
    assert seen == len(work) * [(1, {1}) if beside else (2, {3})]


def test_items_are_computed_one_after_the_other_where_memory_has_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "count_cores", lambda: 2)
    done: list[int] = []
    found = multiply_each(lambda _, threads: (threads, blas_threads()), [0, 1], [1, 1], beside=False, done=done.append)
    assert found == [(2, {3})] * 2
    assert done == [1, 2]


def test_the_largest_item_is_started_first(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (products, threads):
        monkeypatch.setattr(module, "count_cores", lambda: 1)
    started: list[int] = []
    multiply_each(lambda item, _: started.append(item), [0, 1, 2], [2, 3, 1])
    assert started == [1, 0, 2]


def test_jobs_that_have_not_started_are_cancelled_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (products, threads):
        monkeypatch.setattr(module, "count_cores", lambda: 1)
    started: list[int] = []

    def function(item: int, _: int) -> None:
        started.append(item)
        if item == 0:
            raise ValueError("of the first item")
        time.sleep(0.05)

    with pytest.raises(ValueError, match="of the first item"):
        multiply_each(function, range(20), [1] * 20)
    assert len(started) < 20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
@pytest.mark.filterwarnings("ignore")  # of threads in a process that forks
def test_a_process_that_forks_meanwhile_has_the_threads_of_before() -> None:
    with one_thread_products():
        process = os.fork()
        if not process:
            with one_thread_products():
                inside = blas_threads()
            os._exit(0 if (inside, blas_threads()) == ({1}, {3}) else 1)
        assert os.waitpid(process, 0)[1] == 0
        assert blas_threads() == {1}


def test_medians_are_computed_side_by_side_while_their_blocks_are_small() -> None:
    assert fits_one_block(65_536)
    assert not fits_one_block(65_537)


@pytest.mark.parametrize(("module", "options"), [(tiles, {}), (row_blocks, {"queries": 1500})])
def test_products_of_a_search_run_in_one_thread_of_blas_each(
    module: Any, options: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, multiply = set(), module.multiply

    def seeing(*arguments: Any) -> Any:
        seen.update(blas_threads())
        return multiply(*arguments)

    monkeypatch.setattr(module, "multiply", seeing)
    monkeypatch.setattr("hyle.engine.neighbours.tables.BLOCK_BYTES", 0)  # no product of all rows at once
    rng = np.random.default_rng(0)
    arrays = {name: rng.normal(size=(3000, 8)).astype(np.float32) for name in "ab"}
    compare(arrays, metrics=["mutual_knn"], **options)
    assert seen == {1}


def test_the_product_of_all_points_runs_in_one_thread_of_blas_each(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[int] = set()

    class Seeing(Threads):
        def map(self, function: Any, *items: Any, **options: Any) -> Any:
            def job(*each: Any) -> Any:
                seen.update(blas_threads())
                return function(*each)

            return super().map(job, *items, **options)

    monkeypatch.setattr(product, "Threads", Seeing)
    gram_of_all(np.ones((2000, 3), np.float32))
    assert seen == {1}


def test_a_comparison_leaves_the_threads_of_blas_as_they_were() -> None:
    rng = np.random.default_rng(0)
    compare(
        {name: rng.normal(size=(1100, 20)).astype(np.float32) for name in "abcd"}, metrics=["cka_rbf", "mutual_knn"]
    )
    assert blas_threads() == {3}


@pytest.mark.parametrize("n", [1, 5, 40, 41, 64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_half_of_a_product_is_copied_to_the_other(n: int, dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(product, "ROWS", 8)
    monkeypatch.setattr(product, "FEW", 4)
    points = np.random.default_rng(n).normal(size=(n, 7)).astype(dtype)
    found = gram_of_all(points)
    np.testing.assert_allclose(found, points.astype(float) @ points.T.astype(float), atol=30 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(found, found.T)


@pytest.mark.parametrize("m", [1, 2, 4, 5, 9])
def test_products_of_rows_are_summed_over_pieces(m: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(half, "PIECE", 64)
    rows = np.random.default_rng(m).normal(size=(m, 500)).astype(np.float32)
    np.testing.assert_allclose(half._products(rows), rows.astype(float) @ rows.T.astype(float), atol=1e-4)
