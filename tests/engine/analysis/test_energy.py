from __future__ import annotations

import numpy as np
import pytest

from hyle.engine.analysis import energy_error


def energies(n: int, elements: int, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 6, size=(n, elements))
    true = counts @ rng.uniform(-2000, -5, elements) + rng.normal(size=n)
    return true + counts @ rng.normal(size=elements) * 50 + noise * rng.normal(size=n), true, counts


def test_the_error_beyond_composition_is_found_whatever_the_reference() -> None:
    predicted, true, counts = energies(400, 4, 0.1)
    found = energy_error(predicted, true, counts)
    assert found.mae == pytest.approx(0.1 * (2 / np.pi) ** 0.5, abs=4 * found.se)
    assert found.n == 400
    moved = energy_error(predicted + counts @ [1e3, -1e4, 7.0, 0.0] + 5e5, true, counts)
    assert moved.mae == pytest.approx(found.mae, rel=1e-4)


def test_many_elements_and_few_samples_flatter_only_the_fit_to_all() -> None:
    predicted, true, counts = energies(120, 80, 0.1)
    found = energy_error(predicted, true, counts)
    assert found.in_sample < 0.06
    assert found.mae > 0.08
    assert found.leverage.sum() == pytest.approx(81)
    assert ((found.leverage >= 0) & (found.leverage <= 1 + 1e-9)).all()


def test_samples_of_rare_elements_are_left_out() -> None:
    predicted, true, counts = energies(100, 3, 0.1)
    rare = np.zeros((100, 1))
    rare[[4, 60]] = 1
    # Two samples of an element that no others tell anything of, whose atoms have another energy in the other code.
    found = energy_error(predicted, true - 2700 * rare[:, 0], np.concatenate([counts, rare], 1))
    assert found.n == 98
    assert found.mae < 0.2
    assert np.flatnonzero(np.isnan(found.signed)).tolist() == [4, 60]


def test_samples_without_an_energy_are_left_out() -> None:
    predicted, true, counts = energies(100, 3, 0.1)
    predicted[::5] = np.nan
    assert energy_error(predicted, true, counts).n == 80
    with pytest.raises(ValueError, match="8 samples have both energies"):
        energy_error(predicted[:10], true[:10], counts[:10])
    with pytest.raises(ValueError, match="99 predicted and 100 reference"):
        energy_error(predicted[1:], true, counts)


def test_the_error_over_groups_covers_and_that_over_samples_does_not() -> None:
    """Five states of a material have one error of the model: the mean is as sure as that of the materials."""
    over_groups = over_samples = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        material = np.repeat(np.arange(50), 5)
        counts = rng.integers(1, 6, size=(50, 3))[material]
        error = np.abs(rng.normal(size=50))[material] * np.sign(rng.normal(size=50))[material]
        truth = counts @ [-3.0, -5.0, -7.0]
        for groups in (None, material):
            found = energy_error(truth + error, truth, counts, groups=groups)
            inside = abs(found.mae - np.sqrt(2 / np.pi)) < 2 * found.se
            over_groups += inside and groups is not None
            over_samples += inside and groups is None
    assert over_groups >= 34
    assert over_samples <= 30
