from __future__ import annotations

import numpy as np
import pytest

from hyle.engine.metrics.algorithms.nuclear_norm import nuclear_norm, spectrum, unrelated_norm

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
    limit = 0.03 if kind == "few columns" else 0.005  # of the many dimensions of the closed form
    assert unrelated_norm(spectrum(x), spectrum(y)) == pytest.approx(
        np.mean(drawn), abs=limit * np.mean(drawn) + 3 * error
    )


def test_of_all_dimensions_nothing_is_left_to_chance():
    x = unit_size(np.random.default_rng(0).normal(size=(20, 60)))
    u, _, _ = np.linalg.svd(x, full_matrices=False)
    flat = spectrum(u[:, :19] / 19**0.5)  # every order of the samples is a rotation
    assert unrelated_norm(flat, flat) == pytest.approx(1, rel=1e-6)


def test_of_two_single_columns_it_is_that_of_the_limit():
    column = spectrum(unit_size(np.random.default_rng(0).normal(size=(101, 1))))
    assert unrelated_norm(column, column) == pytest.approx(8 / (3 * np.pi) / 10, rel=2e-3)  # of infinitely many samples
