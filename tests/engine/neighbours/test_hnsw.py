"""Approximate tables by faiss: what share of the neighbours they contain, and what is refused."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from hyle.engine import compare, estimate
from hyle.engine.base import InputError, MissingPackageError
from hyle.engine.gram import prepare
from hyle.engine.neighbours import find_table, hnsw, hnsw_tables

pytest.importorskip("faiss")
K = 10


def rows(n: int, d: int, seed: int = 0, offset: float = 0.0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    common = generator.normal(size=(n, 6)) @ generator.normal(size=(6, d))
    return (common + 0.5 * generator.normal(size=(n, d)) + offset).astype(np.float32)


@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("metric", ["cosine", "euclidean", "inner_product"])
def test_nearly_all_neighbours_are_found_and_their_values_are_exact(metric: Any, offset: float) -> None:
    if metric == "inner_product" and offset:
        pytest.skip("all rows have nearly the same neighbours, and a graph does not find them")
    x = prepare(rows(2000, 24, offset=offset))
    (found,), recall = hnsw_tables(x, [(metric, K)])
    exact = find_table(x, K, metric, measured=True)
    same = found.indices[:, :, None] == exact.indices[:, None, :]
    shares = same.any(2).mean(1)
    assert recall >= hnsw.MIN_RECALL
    # Measured on 1,000 of the 2,000 rows.
    assert shares.mean() == pytest.approx(recall, abs=0.005)
    row, here, there = np.nonzero(same)
    np.testing.assert_array_equal(found.value[row, here], exact.value[row, there])
    assert (found.indices != np.arange(2000)[:, None]).all()
    descending = metric != "euclidean"
    assert (np.diff(found.value * (-1 if descending else 1), axis=1) >= 0).all()


def test_the_same_rows_give_the_same_table() -> None:
    x = prepare(rows(1500, 16))
    (one,), (other,) = (hnsw_tables(x, [("cosine", K)])[0] for _ in range(2))
    np.testing.assert_array_equal(one.indices, other.indices)


def test_equal_rows_have_neighbours() -> None:
    x = rows(500, 8)
    x[:30] = x[0]
    (found,), _ = hnsw_tables(prepare(x), [("euclidean", K)])
    assert (found.indices != np.arange(500)[:, None]).all()
    assert (np.sort(found.indices, 1)[:, 1:] != np.sort(found.indices, 1)[:, :-1]).all()
    assert not found.value[:30].any()


def test_few_neighbours_found_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hnsw, "EFFORTS", (1,))
    monkeypatch.setattr(hnsw, "LINKS", 2)
    monkeypatch.setattr(hnsw, "CONSTRUCTION", 2)
    noise = np.random.default_rng(0).normal(size=(3000, 200)).astype(np.float32)
    with pytest.raises(InputError, match=r"finds only 0\.\d+ of the 10 nearest neighbours \(cosine\) of 1,000 samples"):
        hnsw_tables(prepare(noise), [("cosine", K)])


def test_compare_reports_the_share_and_is_near_the_exact_scores() -> None:
    common = rows(2000, 20)
    given = {name: common @ rows(20, 16, seed) + rows(2000, 16, seed) for seed, name in enumerate("abc")}
    options: dict[str, Any] = {"metrics": ["cka", "mutual_knn", "cknna", "intrinsic_dimension"], "k": K}
    exact, found = compare(given, **options), compare(given, search="hnsw", **options)
    assert found.attrs["search"] == "hnsw"
    assert "neighbour_recall" not in exact
    assert (found.neighbour_recall >= 0.99).all()
    for name in options["metrics"]:
        np.testing.assert_allclose(found[name], exact[name], rtol=0.02, atol=1e-4)
    assert found.cka.attrs["form"] == "d x d products of features"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": ["cka_rbf", "mutual_knn"]}, "cka_rbf need all pairs of samples"),
        ({"metrics": ["mutual_knn"], "queries": 50}, "use either queries or search='hnsw'"),
        ({"metrics": ["mutual_knn"], "mesh": "one"}, "runs on the CPU|computed by the CPU of one process"),
    ],
)
def test_what_it_cannot_do_is_refused_at_once(options: dict[str, Any], message: str) -> None:
    from hyle.engine import device_mesh

    given = {"a": rows(60, 8), "b": rows(60, 8, 1)}
    if "mesh" in options:
        options = options | {"mesh": device_mesh(1)}
    with pytest.raises(InputError, match=message):
        compare(given, search="hnsw", k=5, **options)
    with pytest.raises(InputError, match="unknown search 'ivf'"):
        compare(given, search="ivf", k=5)


def test_without_faiss_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingPackageError, match=r"pip install faiss-cpu"):
        compare({"a": rows(60, 8), "b": rows(60, 8, 1)}, metrics=["mutual_knn"], search="hnsw", k=5)


def test_it_is_estimated_to_grow_little_faster_than_n() -> None:
    small, large = (estimate(n, [64] * 3, ["cka", "mutual_knn"], search="hnsw") for n in (10_000, 1_000_000))
    products = [sum(stage.products for stage in found.stages) for found in (small, large)]
    assert 100 < products[1] / products[0] < 200
