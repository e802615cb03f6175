"""The distance to training data is relative to that between materials, not between the states of one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hyle.cli.jobs import TrainingData, find_training_data, training_distances
from hyle.zoo import GROUP_STATES, InputError, Key, Representation, Store


def distances(groups: list[str] | None, rows: np.ndarray, reference: np.ndarray) -> np.ndarray:
    result: Any = SimpleNamespace(models=["a"], ids=[str(i) for i in range(len(rows))], rows=[rows])
    return training_distances(result, TrainingData("planted", {"a": reference}, {"a": groups} if groups else {}, {}))


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


def test_models_may_lack_samples_or_have_them_in_another_order(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    states = np.repeat(generator.normal(size=(40, 5)), 3, 0) + 1e-3 * generator.normal(size=(120, 5))
    ids, labels = [f"t{i}" for i in range(120)], [f"m{i // 3}" for i in range(120)]
    store, order = Store(tmp_path), generator.permutation(120)
    kept = {"composition": np.arange(120), "morgan": order, "random": np.arange(117)}
    named = {}
    for model, rows in kept.items():
        recipe = {"model": model, "weights": "w", "layer": "final", "pooling": "mean", "ids": "the data set"}
        recipe |= {"dataset": "training", "dataset_version": "1"}
        groups = {kind: [labels[i] for i in rows] for kind in GROUP_STATES}
        dropped = dict.fromkeys(sorted(set(ids) - {ids[i] for i in rows}), "too large")
        names = [ids[i] for i in rows]
        store.save(Key.of(recipe), Representation(model, states[rows], names, recipe, dropped=dropped, groups=groups))
        named[model] = Representation(model, states[:4] + 0.5, list("abcd"), {**recipe, "dataset": "compared"})
    training = find_training_data("training", named, list("abcd"), store)
    result: Any = SimpleNamespace(models=list(kept), ids=list("abcd"), rows=[states[:4] + 0.5] * 3)
    first, moved, fewer = training_distances(result, training)
    np.testing.assert_allclose(moved, first, rtol=1e-5)
    np.testing.assert_allclose(fewer, first, rtol=0.1)


def test_training_data_of_one_material_is_an_error() -> None:
    with pytest.raises(InputError, match="planted: all of it is of one sample"):
        distances(["a"] * 20, np.zeros((3, 2)), np.ones((20, 2)))
