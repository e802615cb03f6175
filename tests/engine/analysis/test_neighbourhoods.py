"""The nearest samples of a sample, and disagreement about them, against plain definitions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from hyle.engine.analysis import nearest_samples, neighbour_disagreement


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "inner_product"])
def test_nearest_samples_are_those_of_scipy(metric: str) -> None:
    x = np.random.default_rng(0).normal(size=(60, 7)).astype(np.float32) + 0.5
    wide = x.astype(float)
    distances = -(wide @ wide.T) if metric == "inner_product" else cdist(wide, wide, metric)
    for row in (0, 31, 59):
        order = [i for i in np.argsort(distances[row], kind="stable") if i != row][:6]
        found = nearest_samples(x, row, k=6, neighbour_metric=metric)  # type: ignore[arg-type]
        assert found.indices.tolist() == order
        np.testing.assert_allclose(found.distances, distances[row, order], atol=1e-12)
        assert not found.tied


def test_ties_go_to_the_lowest_index_and_are_reported() -> None:
    x = np.array([[0.0], [1.0], [-1.0], [1.0], [9.0]])
    found = nearest_samples(x, 0, k=2, neighbour_metric="euclidean")
    assert (found.indices.tolist(), found.tied) == ([1, 2], True)
    zero = nearest_samples([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]], 0, k=2)
    assert (zero.indices.tolist(), zero.distances.tolist(), zero.tied) == ([1, 2], [1.0, 1.0], False)


@pytest.mark.parametrize(("row", "k", "x"), [(5, 1, np.eye(3)), (0, 3, np.eye(3)), (0, 1, np.full((3, 2), np.nan))])
def test_what_cannot_be_searched_is_an_error(row: int, k: int, x: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"must be 0 to 2|not possible|not finite"):
        nearest_samples(x, row, k=k)


def test_disagreement_is_zero_for_copies_one_minus_chance_for_noise_and_high_where_it_is_planted() -> None:
    rng = np.random.default_rng(0)
    n, k = 300, 10
    x = rng.normal(size=(n, 6))
    assert not neighbour_disagreement([x, 3 * x, x @ np.linalg.qr(rng.normal(size=(6, 6)))[0]], k=k).any()
    noise = neighbour_disagreement([x, rng.normal(size=(n, 6))], k=k)
    assert noise.mean() == pytest.approx(1 - k / (n - 1), abs=0.01)
    moved = x.copy()
    moved[:20] = rng.normal(size=(20, 6))
    values = neighbour_disagreement([x, moved], k=k)
    assert values[:20].mean() > 0.9
    assert values[20:].mean() < 0.2


def test_disagreement_is_that_of_a_plain_definition() -> None:
    rng = np.random.default_rng(1)
    models = [rng.normal(size=(40, 3)) for _ in range(3)]
    near = []
    for x in models:
        distances = cdist(x, x, "cosine") + 9 * np.eye(40)
        near.append([set(np.argsort(row)[:4]) for row in distances])
    pairs = [(0, 1), (0, 2), (1, 2)]
    plain = [np.mean([1 - len(near[a][i] & near[b][i]) / 4 for a, b in pairs]) for i in range(40)]
    np.testing.assert_allclose(neighbour_disagreement(models, k=4), plain, atol=1e-12)


def test_a_model_without_neighbours_is_left_out() -> None:
    x = np.random.default_rng(0).normal(size=(20, 3))
    same = np.ones((20, 2))
    assert not neighbour_disagreement([x, x, same], k=3, neighbour_metric="euclidean").any()
    assert np.isnan(neighbour_disagreement([x, same], k=3, neighbour_metric="euclidean")).all()
    with pytest.raises(ValueError, match="two models"):
        neighbour_disagreement([x])
