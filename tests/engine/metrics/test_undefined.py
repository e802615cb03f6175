"""Rows that are all equal or not finite: no metric has a value, whatever the rows are."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from hyle import engine
from hyle.engine import compare, list_metrics

# Their means have rounding errors, or their squares are out of the range of float32.
VALUES = (0.0, 3.0, 0.1, 1 / 3, 1e-42, 1e-30, 1e30, 1e38)
FUNCTIONS: dict[str, dict[str, Any]] = {
    "cka": {},
    "rsa": {},
    "mutual_knn": {"k": 5},
    "cknna": {"k": 5},
    "jaccard_knn": {"k": 5},
    "cycle_knn": {"k": 5},
    "distance_correlation": {},
    "procrustes": {},
    "information_imbalance": {"k": 5},
    "id_correlation": {},
    "reconstruction_error": {},
    "second_order_cosine": {"k": 5},
    "rank_similarity": {"k": 5},
    "pnka": {},
    "cca": {},
    "svcca": {},
    "pwcca": {},
    "linear_regression": {},
    "multiscale_cka": {},
}


def rows_of(value: float) -> np.ndarray:
    return np.full((60, 5), value, np.float32) * np.linspace(0.3, 1, 5, dtype=np.float32)


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)


@pytest.mark.parametrize("value", VALUES)
def test_a_comparison_with_equal_rows_has_no_scores(noise: np.ndarray, value: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # of NumPy, for which a user can do nothing
        found = compare({"x": noise, "equal": rows_of(value)}, metrics=list(list_metrics()), k=5)
    for name in list_metrics():
        variable = found[name]
        own = {"model": "x", "other": "equal"} if "other" in variable.dims else {"model": "equal"}
        assert np.isnan(variable.sel(own)).all(), name
        assert "other" not in variable.dims or np.isnan(variable.sel(model="equal", other="x")).all(), name


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_warns_and_returns_nan(noise: np.ndarray, name: str, value: float) -> None:
    with pytest.warns(UserWarning, match="y is constant: all rows are equal"):
        found = getattr(engine, name)(noise, rows_of(value), **FUNCTIONS[name])
    assert np.isnan(np.asarray(found)).all()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_warns_of_values_that_are_not_finite(noise: np.ndarray, name: str) -> None:
    rows = noise.copy()
    rows[3, 2] = np.nan
    with pytest.warns(UserWarning, match="x: some values are NaN or infinite"):
        found = getattr(engine, name)(rows, noise, **FUNCTIONS[name])
    assert np.isnan(np.asarray(found)).all()
