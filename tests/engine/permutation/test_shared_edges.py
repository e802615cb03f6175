from __future__ import annotations

import numpy as np
import pytest

from hyle.engine import compare
from hyle.engine.permutation import shared_edges as module
from hyle.engine.permutation.draw import draw
from hyle.engine.permutation.shared_edges import Shared, shifted_pairs


def tables(m: int, k: int, n: int, seed: int = 0) -> np.ndarray:
    """Random neighbour tables [m, k, n] in which no row is its own neighbour."""
    rng = np.random.default_rng(seed)
    nearest = np.argsort(rng.random((m, n, n)) + 2 * np.eye(n), 2)[..., :k]
    return np.ascontiguousarray(np.sort(nearest, 2).swapaxes(1, 2)).astype(np.int32)


@pytest.mark.parametrize(("at_once", "count"), [(1, 6), (7, 6), (2**17, 6), (7, 25), (2**17, 18)])
def test_shared_edges_are_those_of_each_permutation(monkeypatch: pytest.MonkeyPatch, at_once: int, count: int) -> None:
    monkeypatch.setattr(module, "PAIRS", at_once)
    m, k, n = 3, 4, 19
    indices, permutations = tables(m, k, n), draw(n, count)
    passed: dict[tuple[int, int], Shared] = {}

    def score(a: int, b: int, shared: Shared) -> tuple[np.ndarray, np.ndarray]:
        passed[a, b] = shared
        counts = np.bincount(shared.number, minlength=len(permutations))
        return counts, -counts

    values = shifted_pairs(indices, permutations, score)
    assert len(permutations.cycles) == 1 + (count > n - 1)
    first_along = permutations.cycles[0].first
    for (a, b), shared in passed.items():
        for p, order in enumerate(permutations.orders):
            first_edges = {(i, j) for i in range(n) for j in indices[a][:, i]}
            # Row order[i] of the second becomes row i, in columns and in neighbour indices.
            inverse = np.argsort(order)
            second_edges = {(i, inverse[j]) for i in range(n) for j in indices[b][:, order[i]]}
            of = shared.number == p
            first, second = (np.array(np.unravel_index(where[of], (k, n))) for where in (shared.first, shared.second))
            found = {(i, indices[a][row, i]) for row, i in first.T}
            assert found == first_edges & second_edges
            assert len(found) == of.sum() == values[p, a, b]
            assert {(inverse[i], inverse[indices[b][row, i]]) for row, i in second.T} == found
            ends = first_along[shared.source[of]], first_along[shared.target[of]]
            assert set(zip(*ends, strict=True)) == found
            assert a == b or values[p, b, a] == -values[p, a, b]


@pytest.mark.parametrize("name", ["mutual_knn", "jaccard_knn", "cknna"])
def test_a_model_of_equal_rows_has_no_null_distribution(name: str) -> None:
    rng = np.random.default_rng(0)
    models = {"a": rng.normal(size=(20, 3)), "b": np.ones((20, 3)), "c": rng.normal(size=(20, 4))}
    null = compare(models, metrics=[name], k=4, permutations=9)[f"{name}_null"].values
    assert np.isnan(null[[0, 1, 2], [1, 0, 1]]).all()
    assert np.isfinite(null[[0, 2], [2, 0]]).all()
