from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from hyle.engine.gram import prepare
from hyle.engine.neighbours import find_table, find_tables, search_numpy, tables, tiles
from hyle.engine.neighbours.tiles import tables_by_tiles

METRICS = ["cosine", "euclidean", "inner_product"]


def rows(n: int = 701, d: int = 24, offset: float = 20.0) -> np.ndarray:
    generator = np.random.default_rng(0)
    return (generator.normal(size=(n, 6)) @ generator.normal(size=(6, d)) + offset).astype(np.float32)


@pytest.fixture(autouse=True, params=["NumPy", "XLA"])
def small_tiles(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Divide a few hundred rows into several tiles, each of several chunks, of which the last is not full.

    NumPy computes the bounds within a tile of up to 2,048 rows, XLA those of more.
    """
    if request.param == "XLA":
        monkeypatch.setattr(search_numpy, "MAX_ROWS_NUMPY", 0)
    monkeypatch.setattr(tiles, "LEAST", 150)
    monkeypatch.setattr(tiles, "MOST", 150)
    monkeypatch.setattr(tiles, "CHUNK", 150 * 32)


def assert_same(found: tables.Neighbours, expected: tables.Neighbours) -> None:
    for part, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(part, wanted)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kept_bytes", [0, 2**26])
@pytest.mark.parametrize("cores", [1, 3])
def test_tables_are_those_of_the_whole_product(metric, kept_bytes, cores, monkeypatch):
    x = rows()
    expected = find_table(prepare(x), 9, metric, measured=True)
    monkeypatch.setattr(tables, "whole_gram", lambda *_, **__: None)
    monkeypatch.setattr(tiles, "KEPT_BYTES", kept_bytes)
    monkeypatch.setattr(tiles, "count_cores", lambda: cores)
    assert_same(find_table(prepare(x, kept=False), 9, metric, measured=True), expected)


@pytest.mark.parametrize("n", [2, 7, 150, 151, 299, 300, 301, 617])
@pytest.mark.parametrize("metric", METRICS)
def test_any_number_of_rows(n, metric):
    prepared, k = prepare(rows(n)), min(n - 1, 5)
    (found,) = tables_by_tiles(prepared, [(metric, k)], measured=True)
    assert_same(found, find_table(prepared, k, metric, measured=True))


@pytest.mark.parametrize("k", [1, 60, 200, 700])
def test_any_number_of_neighbours(k):
    """Also more than a tile has rows, and all."""
    prepared = prepare(rows())
    (found,) = tables_by_tiles(prepared, [("euclidean", k)], ordered=k, measured=True)
    assert_same(found, find_table(prepared, k, "euclidean", measured=True))


@pytest.mark.parametrize("metric", METRICS)
def test_ties_are_broken_as_in_the_whole_product(metric):
    x = np.random.default_rng(1).integers(0, 3, size=(701, 6)).astype(np.float32)
    prepared = prepare(x)
    (found,) = tables_by_tiles(prepared, [(metric, 7)], ordered=7, measured=True)
    expected = find_table(prepared, 7, metric, measured=True)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.tied, expected.tied)
    assert found.tied.mean() > 0.3


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", ["labels", "kept"])
def test_excluded_rows(metric, kind):
    """Labels exclude both rows of a pair, a mask only the one that is nobody's neighbour."""
    generator, prepared = np.random.default_rng(2), prepare(rows())
    where = generator.integers(0, 40, 701).astype(np.int32) if kind == "labels" else generator.random(701) < 0.4
    (found,) = tables_by_tiles(prepared, [(metric, 9)], where=where, measured=True)
    assert_same(found, find_table(prepared, 9, metric, where=where, measured=True))
    near = np.asarray(found.indices)
    assert where[near].all() if kind == "kept" else (where[near] != where[:, None]).all()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", ["labels", "kept", "repeated"])
def test_hardly_more_rows_than_neighbours(metric, kind):
    """Few rows are allowed as neighbours: there are fewer than candidates, in tiles with one row more or less."""
    n, k = 385, 10
    assert {len(range(*tile.indices(n))) for tile in tiles.tiles_of(n)} == {128, 129}
    x = rows(n)
    where: np.ndarray = np.zeros(n, bool)
    where[::30] = True  # 13 rows
    if kind == "labels":  # only these have another label
        where = np.where(where, np.arange(n), -1).astype(np.int32)
    elif kind == "repeated":
        where[:] = False
        where[:13] = True
        x = x[np.arange(n) % 13]
    (found,) = tables_by_tiles(prepare(x), [(metric, k)], where=where, ordered=k, measured=True)
    assert_same(found, find_table(prepare(x), k, metric, where=where, measured=True))
    if kind == "kept":
        assert all(len(set(near)) == k for near in np.asarray(found.indices).tolist())


@pytest.mark.parametrize("k", [10, 268, 272, 279])
@pytest.mark.parametrize("zero", [3, 279])
def test_a_row_of_zeros_is_as_far_from_all(k, zero):
    """The cosine with it counts as 0, whatever the product: also with what fills up the last tile."""
    x = 1 + 0.01 * rows(280, offset=0)
    x[zero], x[-1 if zero == 3 else 0] = 0, -x[5]
    prepared = prepare(x)
    (found,) = tables_by_tiles(prepared, [("cosine", k)], measured=True)
    assert_same(found, find_table(prepared, k, "cosine", measured=True))
    assert all(len(set(near)) == k for near in np.asarray(found.indices).tolist())


def test_several_tables_from_one_product():
    prepared = prepare(rows())
    wanted = [("cosine", 4), ("euclidean", 30), ("inner_product", 9)]
    for found, expected in zip(
        tables_by_tiles(prepared, wanted, ordered=30), find_tables(prepared, wanted, ordered=30), strict=True
    ):
        np.testing.assert_array_equal(np.sort(found.indices, 1), np.sort(expected.indices, 1))
        np.testing.assert_allclose(found.value, expected.value, rtol=2e-5)


def inwards(n: int = 701) -> np.ndarray:
    """Return shells around the origin, from the outermost to the innermost: all later rows are nearer than earlier."""
    generator = np.random.default_rng(3)
    x = generator.normal(size=(n, 12))
    return (x / np.linalg.norm(x, axis=1, keepdims=True) * np.geomspace(1e4, 1, n)[:, None]).astype(np.float32)


@pytest.mark.parametrize("share", [None, 0.1])
def test_where_many_entries_beat_a_candidate(share, monkeypatch):
    """The lowest of each row and column are taken, and nothing is lost.

    Also where most of the rows are nobody's neighbours.
    """
    taken, both = [], tiles._lowest_of_both
    monkeypatch.setattr(tiles, "_lowest_of_both", lambda *args: taken.append(1) or both(*args))
    where = None if share is None else np.random.default_rng(4).random(701) < share
    prepared = prepare(inwards())
    (found,) = tables_by_tiles(prepared, [("euclidean", 9)], where=where, ordered=9, measured=True)
    assert_same(found, find_table(prepared, 9, "euclidean", where=where, measured=True))
    assert taken


def test_the_order_of_the_samples_costs_nothing(monkeypatch):
    """Adjacent rows are in different tiles, so that rows do not find their neighbours in the last tile only."""
    added, add = [], tiles._Best.add
    monkeypatch.setattr(tiles, "FEW", 1)
    monkeypatch.setattr(tiles._Best, "add", lambda best, row, *rest: added.append(len(row)) or add(best, row, *rest))

    def entries(x: np.ndarray) -> int:
        added.clear()
        tables_by_tiles(prepare(x), [("euclidean", 9)])
        return sum(added)

    x = inwards()
    shuffled = entries(x[np.random.default_rng(5).permutation(len(x))])
    assert max(entries(x), entries(x[::-1].copy())) < 1.2 * shuffled


@pytest.mark.parametrize(("name", "value"), [("SORTED", 7), ("WAITING", 100)])
def test_candidates_are_compared_in_parts(name, value, monkeypatch):
    prepared = prepare(inwards())
    monkeypatch.setattr(tiles, name, value)
    (found,) = tables_by_tiles(prepared, [("euclidean", 9)], ordered=9, measured=True)
    assert_same(found, find_table(prepared, 9, "euclidean", measured=True))


def test_the_product_of_two_tiles_is_computed_once(monkeypatch):
    """Five tiles: 15 of their 25 products."""
    products, multiply = [], tiles.multiply

    def counted(points, some, columns, out):
        products.append(out.size)
        return multiply(points, some, columns, out)

    monkeypatch.setattr(tiles, "multiply", counted)
    prepared = prepare(rows(640))
    tables_by_tiles(prepared, [("euclidean", 5)])
    sizes = [128] * 5
    assert sum(products) == sum(a * b for at, a in enumerate(sizes) for b in sizes[at:])
    assert sum(products) == tiles.pairs_in_tiles(640)


def test_tiles_have_every_row_once():
    with tiles.Threads() as pool:
        found = tiles._Tiles(prepare(rows()), pool)
        parts = [found.rows(tile) for tile in found.tiles]
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(701))
    assert all(len(one) >= len(two) >= len(one) - 1 for one, two in pairwise(parts))


@pytest.mark.parametrize(
    ("n", "widths", "cores", "fit"),
    [
        (4000, [256, 1024] * 8, 2, True),
        (4000, [256, 1024] * 8, 8, False),
        (4000, [256, 1024], 8, True),  # two models, however many cores
        (2000, [20_000] * 16, 16, False),  # the points are copied as well
        (6000, [8], 1, False),  # searched in tiles
    ],
)
def test_products_of_models_side_by_side_fit_in_memory(n, widths, cores, fit, monkeypatch):
    monkeypatch.setattr(tables, "count_cores", lambda: cores)
    assert tables.products_fit(n, widths) == fit
