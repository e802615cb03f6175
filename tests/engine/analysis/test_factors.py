from __future__ import annotations

import numpy as np
import pytest

from hyle.engine import compare
from hyle.engine.analysis import factors, tree
from hyle.engine.analysis.tree import require_scikit_bio

from .panels import comparison


def test_the_planted_factor_explains_and_the_other_does_not() -> None:
    rng = np.random.default_rng(1)
    modality = np.repeat(["atoms", "string"], 8)
    data = np.tile(["a", "b", "c", "d"], 4)
    values = np.where(modality[:, None] == modality[None, :], 0.6, 0.2) + 0.05 * rng.normal(size=(16, 16))
    values = (values + values.T) / 2
    np.fill_diagonal(values, 1)
    found = factors(comparison(values, modality=modality, training_data=data, family=[str(i) for i in range(16)]))
    assert [factor.name for factor in found] == ["modality", "training_data"]
    assert found[0].p < 0.01
    assert found[0].share > 0.3 > found[0].by_chance
    assert found[1].p > 0.05
    assert found[1].share < found[1].by_chance + 0.05


def test_shares_are_those_of_permanova() -> None:
    skbio, _ = require_scikit_bio()
    rng = np.random.default_rng(2)
    points = rng.normal(size=(12, 3))
    distances = np.linalg.norm(points[:, None] - points[None, :], axis=2)
    groups = np.repeat(["a", "b", "c"], 4)
    found = factors(comparison(1 - distances, family=groups), facts=["family"])[0]
    f = skbio.stats.distance.permanova(skbio.DistanceMatrix(distances), groups, permutations=999, seed=0)
    statistic = f["test statistic"]
    assert found.share == pytest.approx(statistic * 2 / (statistic * 2 + 12 - 3), abs=1e-9)
    assert found.p == pytest.approx(f["p-value"], abs=0.06)


def test_controls_and_facts_that_say_nothing_are_left_out() -> None:
    values = np.full((6, 6), 0.5) + np.eye(6) / 2
    kinds = ["atoms"] * 4 + ["control"] * 2
    assert factors(comparison(values, modality=kinds, family=list("abcdef"))) == []


def test_a_metric_of_which_less_is_more_alike() -> None:
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(60, 4))
    models = {f"m{i}": shared @ rng.normal(size=(4, 6)) + i * rng.normal(size=(60, 6)) for i in range(4)}
    assert len(tree(compare(models, metrics=["information_imbalance"]), "information_imbalance").models) == 4
