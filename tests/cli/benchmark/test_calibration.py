"""How often a reported quadrant is right, in panels with a known truth."""

from __future__ import annotations

import numpy as np

from hyle.cli.benchmark.calibration import calibrate_quadrants
from hyle.engine.analysis import quadrant

FAMILIES = ["a", "a", "b", "c", "c", "d", "e", "f", "g", "h"]


def panel(seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    of_family = dict(zip("abcdefgh", generator.normal(size=(8, 2)), strict=True))
    return np.array([of_family[name] for name in FAMILIES]) + 0.3 * generator.normal(size=(10, 2))


def test_quadrants_of_at_least_80_percent_are_right_as_often() -> None:
    result = calibrate_quadrants(panel(0), np.full((10, 2), 0.1), FAMILIES, (0.1, 0.1), panels=150, draws=150)
    assert result.panels == 150
    assert 0.1 < result.reported < 0.9
    assert result.stated >= 0.8
    reported = result.reported * result.panels
    assert result.observed > 0.8 - 3 * (0.8 * 0.2 / reported) ** 0.5


def test_it_agrees_with_a_direct_count() -> None:
    """Count the same share without the estimated covariances, with independent families of unit variance."""
    generator, right, reported = np.random.default_rng(1), 0, 0
    for _ in range(150):
        true, own = generator.normal(size=(8, 2)), generator.normal(size=2)
        found = quadrant(
            tuple(own + 0.1 * generator.normal(size=2)),
            true + 0.1 * generator.normal(size=(8, 2)),
            own_se=(0.1, 0.1),
            panel_se=np.full((8, 2), 0.1),
            draws=150,
        )
        if found.name is not None:
            reported += 1
            better, aligned = own > 0
            right += (found.name in ("foundational", "local optimum")) == better and (
                found.name in ("foundational", "missing information")
            ) == aligned
    simulated = calibrate_quadrants(
        np.random.default_rng(2).normal(size=(8, 2)),
        np.full((8, 2), 0.1),
        list("abcdefgh"),
        (0.1, 0.1),
        panels=150,
        draws=150,
    )
    se = (0.25 / reported + 0.25 / (simulated.reported * 150)) ** 0.5
    assert abs(right / reported - simulated.observed) < 4 * se


def test_it_reveals_probabilities_that_are_too_high() -> None:
    """Count how often noise alone is right: one quadrant of four, whatever probability is stated."""
    result = calibrate_quadrants(panel(0), np.full((10, 2), 0.1), FAMILIES, (50.0, 50.0), panels=300, draws=100)
    reported = result.reported * result.panels
    assert reported > 10
    assert result.stated >= 0.8
    assert result.observed < 0.25 + 4 * (0.25 * 0.75 / reported) ** 0.5
    assert result.se == np.sqrt(result.observed * (1 - result.observed) / reported)


def test_no_quadrant_is_reported_where_all_models_are_alike() -> None:
    generator = np.random.default_rng(0)
    values = 0.001 * generator.normal(size=(10, 2))
    result = calibrate_quadrants(values, np.full((10, 2), 1.0), FAMILIES, (0.001, 0.001), panels=20, draws=100)
    assert result.reported < 0.3
