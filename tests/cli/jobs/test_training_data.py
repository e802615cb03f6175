"""The distance to training data is relative to that between materials, not between the states of one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hyle.cli.jobs import TrainingData, training_distances
from hyle.zoo import InputError


def distances(groups: list[str] | None, rows: np.ndarray, reference: np.ndarray) -> np.ndarray:
    result: Any = SimpleNamespace(models=["a"], ids=[str(i) for i in range(len(rows))], rows=[rows])
    return training_distances(result, TrainingData("planted", {"a": reference}, groups, {}))


def test_states_of_one_material_are_no_neighbours_of_each_other() -> None:
    generator = np.random.default_rng(0)
    materials = generator.normal(size=(60, 6))
    states = np.repeat(materials, 15, 0) + 1e-3 * generator.normal(size=(900, 6))
    labels = [str(i // 15) for i in range(900)]
    rows = generator.normal(size=(60, 6))
    found = distances(labels, rows, states)
    # The compared samples are as far from the materials as these are from each other.
    assert 0.8 < np.median(found) < 1.25
    assert np.median(distances(None, rows, states)) > 100


def test_training_data_of_one_material_is_an_error() -> None:
    with pytest.raises(InputError, match="planted: all of it is of one sample"):
        distances(["a"] * 20, np.zeros((3, 2)), np.ones((20, 2)))
