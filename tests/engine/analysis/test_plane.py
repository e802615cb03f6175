"""A picture of one representation."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from hyle.engine.analysis import plane


def test_two_planted_directions_are_found() -> None:
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(200, 2)) * [5, 3]
    x = latent @ np.linalg.qr(rng.normal(size=(20, 2)))[0].T + 0.05 * rng.normal(size=(200, 20)) + 100
    found = plane(x)
    assert sum(found.shares) > 0.99
    for column in range(2):
        assert abs(np.corrcoef(found.place[:, column], latent[:, column])[0, 1]) > 0.97
    assert found.place.std(0) == pytest.approx([1, 1])
    assert np.array_equal(plane(x).place, found.place)


def test_one_column_and_constants() -> None:
    assert plane(np.arange(5.0)[:, None]).place[:, 1].tolist() == [0] * 5
    with pytest.raises(ValueError, match="identical"):
        plane(np.ones((5, 3)))
    with pytest.raises(ValueError, match="three samples"):
        plane(np.ones((2, 3)))


def test_umap_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ImportError, match="pip install umap-learn"):
        plane(np.random.default_rng(0).normal(size=(20, 3)), method="umap")
    with pytest.raises(ValueError, match="use pca or umap"):
        plane(np.ones((5, 3)), method="tsne")  # type: ignore[arg-type]
