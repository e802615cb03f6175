"""The plane that models share, on planted shared directions and on noise."""

from __future__ import annotations

import numpy as np
import pytest

from hyle.engine.analysis import shared_plane


def models(rng: np.random.Generator, n: int, shared: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return planted coordinates [n, shared], and three models of different widths and scales that contain them."""
    common = rng.normal(size=(n, shared))
    found = []
    for width, private, scale in ((6, 3.0, 1.0), (20, 2.0, 100.0), (40, 1.5, 1e-3)):
        rows = np.hstack([common, private * rng.normal(size=(n, width - shared))])
        found.append((rows @ np.linalg.qr(rng.normal(size=(width, width)))[0] * scale).astype(np.float32))
    return common, found


def test_planted_directions_are_found_although_private_ones_vary_more() -> None:
    common, found = models(np.random.default_rng(0), 400, 2)
    result = shared_plane(found)
    assert min(result.shares) > 0.6  # the ridge shrinks what is a hundredth of the variance of the widest model
    assert max(result.chance) < 0.5
    fit = np.linalg.lstsq(common - common.mean(0), result.place, rcond=None)[0]
    explained = 1 - ((result.place - (common - common.mean(0)) @ fit) ** 2).sum(0) / (result.place**2).sum(0)
    assert explained.min() > 0.9
    np.testing.assert_allclose(result.place.std(0), 1, rtol=1e-6)
    again = shared_plane(found)
    np.testing.assert_array_equal(result.place, again.place)


def test_noise_shares_little_more_than_one_model_of_three() -> None:
    _, found = models(np.random.default_rng(1), 400, 0)
    result = shared_plane(found)
    assert max(result.shares) < 0.5
    np.testing.assert_allclose(result.shares, result.chance, atol=0.03)


@pytest.mark.parametrize(
    ("embeddings", "message"),
    [
        ([np.eye(5)], "two models"),
        ([np.eye(5), np.eye(4)], "the same samples"),
        ([np.eye(2), np.eye(2)], "three or more"),
        ([np.eye(5), np.ones((5, 2))], "identical"),
    ],
)
def test_errors(embeddings: list[np.ndarray], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shared_plane(embeddings)


def test_one_column_and_three_samples_are_enough() -> None:
    x = np.array([[0.0], [1.0], [3.0]])
    result = shared_plane([x, 2 * x])
    assert result.place.shape == (3, 2)
    assert result.shares[0] > 0.9
