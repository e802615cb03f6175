from __future__ import annotations

import itertools

import numpy as np
import pytest

from hyle.engine.metrics.algorithms.nuclear_norm import nuclear_norm, spectrum, unrelated_norm
from hyle.engine.metrics.algorithms.permuted_moment import GramSums, mean_fourth_moment

from ...samples import single


def unit_size(x: np.ndarray) -> np.ndarray:
    x = x - x.mean(0)
    return x / np.linalg.norm(x)


def random_rows(kind: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    normal = rng.normal
    return {
        "flat": (normal(size=(300, 50)), normal(size=(300, 80))),
        "nearly all dimensions": (normal(size=(100, 95)), normal(size=(100, 70))),
        "of two widths": (normal(size=(300, 250)), normal(size=(300, 20))),
        "power laws": (normal(size=(400, 100)) / np.arange(1, 101), normal(size=(400, 200)) / np.arange(1, 201) ** 0.5),
        "one column stands out": (normal(size=(300, 50)) * ([30] + 49 * [1]), normal(size=(300, 60))),
        "few columns": (normal(size=(200, 2)), normal(size=(200, 3))),
        "columns that depend": (normal(size=(200, 5)) @ normal(size=(5, 40)), normal(size=(200, 60))),
    }[kind]


@pytest.mark.parametrize("shape", [(7, 7), (30, 90), (90, 30)])
def test_sums_the_singular_values(shape):
    product = single(np.random.default_rng(0).normal(size=shape))
    expected = np.linalg.svd(product.astype(np.float64), compute_uv=False).sum()
    assert nuclear_norm(product) == pytest.approx(expected, rel=1e-9)


def test_directions_without_variance_add_nothing():
    rng = np.random.default_rng(0)
    product = rng.normal(size=(300, 3)) @ rng.normal(size=(3, 200))
    expected = np.linalg.svd(product, compute_uv=False)[:3].sum()
    assert nuclear_norm(product) == pytest.approx(expected, rel=1e-7)
    assert nuclear_norm(np.zeros((4, 3))) == 0


def test_what_is_not_finite_is_nan():
    product = np.ones((3, 4))
    product[1, 2] = np.nan
    assert np.isnan(nuclear_norm(product))
    assert spectrum(product) is None
    assert np.isnan(unrelated_norm(None, spectrum(unit_size(np.random.default_rng(0).normal(size=(9, 3))))))


@pytest.mark.parametrize(
    "kind",
    [
        "flat",
        "nearly all dimensions",
        "of two widths",
        "power laws",
        "one column stands out",
        "few columns",
        "columns that depend",
    ],
)
def test_unrelated_representations_have_the_mean_of_permutations(kind):
    rng = np.random.default_rng(0)
    x, y = (unit_size(v) for v in random_rows(kind, rng))
    drawn = [np.linalg.svd(x.T @ y[rng.permutation(len(y))], compute_uv=False).sum() for _ in range(200)]
    error = np.std(drawn) / len(drawn) ** 0.5
    limit = 0.015 if kind == "few columns" else 0.005  # of the many dimensions of the closed form
    assert unrelated_norm(spectrum(x), spectrum(y)) == pytest.approx(
        np.mean(drawn), abs=limit * np.mean(drawn) + 3 * error
    )


def test_of_all_dimensions_nothing_is_left_to_chance():
    x = unit_size(np.random.default_rng(0).normal(size=(20, 60)))
    u, _, _ = np.linalg.svd(x, full_matrices=False)
    flat = spectrum(u[:, :19] / 19**0.5)  # every order of the samples is a rotation
    assert unrelated_norm(flat, flat) == pytest.approx(1, rel=1e-6)


def test_of_two_single_columns_it_is_the_mean_of_a_correlation():
    column = spectrum(unit_size(np.random.default_rng(0).normal(size=(2001, 1))))
    assert unrelated_norm(column, column) == pytest.approx((2 / np.pi / 2000) ** 0.5, rel=2e-3)


@pytest.mark.parametrize("widths", [(1, 8), (2, 3), (8, 8), (8, 30), (60, 60)])
@pytest.mark.parametrize("kind", ["normal", "decaying", "heavy"])
def test_of_50_samples_the_distance_of_permutations_is_met(kind, widths):
    rng = np.random.default_rng(sum(widths))
    x, y = (rng.normal(size=(50, d)) for d in widths)
    if kind == "decaying":
        x, y = (v * np.exp(-0.5 * np.arange(v.shape[1])) for v in (x, y))
    x, y = (unit_size(v**3 if kind == "heavy" else v) for v in (x, y))
    drawn = np.array([nuclear_norm(x.T @ y[rng.permutation(50)]) for _ in range(1000)])
    error = drawn.std() / 1000**0.5
    limit = 0.02 if kind == "heavy" else 0.005  # of the squared distance 2 - 2 c
    assert 2 * abs(unrelated_norm(spectrum(x), spectrum(y)) - drawn.mean()) < limit + 6 * error


def test_the_fourth_moment_is_the_mean_over_all_permutations():
    rng = np.random.default_rng(0)
    x, y = (unit_size(rng.normal(size=(5, d)) ** 3) for d in (2, 3))
    every = [np.linalg.svd(x.T @ y[list(order)], compute_uv=False) for order in itertools.permutations(range(5))]
    sums = [GramSums((np.diag(g) ** 2).sum(), np.trace(g) ** 2, (g**2).sum()) for g in (x @ x.T, y @ y.T)]
    assert mean_fourth_moment(*sums, 5) == pytest.approx((np.array(every) ** 4).sum(1).mean(), rel=1e-9)
