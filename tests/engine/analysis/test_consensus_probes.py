"""What the shared part of a planted panel predicts, and what only private parts do."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from hyle.engine.analysis import ALL, BEST, PCA, REST, SHARED, consensus, probe_consensus
from hyle.engine.base import InputError


@pytest.fixture(scope="module")
def panel():
    rng = np.random.default_rng(0)
    n = 200
    z, private = rng.normal(size=(n, 1)), rng.normal(size=(n, 3))
    models = {}
    for i in range(3):
        # Every model has the shared coordinate with much noise of its own, and one of three private ones without.
        columns = np.hstack([z + 1.0 * rng.normal(size=(n, 1)), 2 * private[:, i : i + 1]])
        models[f"m{i}"] = np.hstack([columns, 0.1 * rng.normal(size=(n, 4))])
    return models, consensus(models, rank=1), z[:, 0], private


def test_a_label_that_all_models_know_in_part_is_predicted_best_by_the_shared_part(panel) -> None:
    models, result, z, _ = panel
    probe = probe_consensus(result, models, z)
    # A model alone has half of the variance of z, three models three quarters.
    assert probe.parts[BEST].value == pytest.approx(0.5, abs=0.1)
    assert probe.parts[SHARED].value == pytest.approx(0.75, abs=0.1)
    assert probe.parts[REST].value < 0.2
    assert probe.verdict == "shared part better"
    assert probe.gains[BEST].low > 0
    assert probe.gains[PCA].low > 0  # the private columns have more variance


def test_a_label_of_one_model_is_missed_by_the_shared_part(panel) -> None:
    models, result, _, private = panel
    probe = probe_consensus(result, models, private[:, 1])
    assert probe.chosen == ("m1",) * 5
    assert probe.parts[BEST].value > 0.9
    assert probe.parts[REST].value > 0.9
    assert probe.rests["m0"].value < 0.1
    assert probe.verdict == "best model better"
    assert probe.gains[ALL].high < 0
    assert (probe.n, probe.groups) == (200, 200)


def test_noise_is_predicted_by_no_part_and_choosing_among_models_gives_nothing(panel) -> None:
    models, result, _, _ = panel
    rng = np.random.default_rng(5)
    values, verdicts = [], []
    for _ in range(20):
        label = rng.normal(size=200)
        label[:20] = np.nan
        probe = probe_consensus(result, models, label)
        values.append(probe.parts[BEST].value)
        verdicts.append(probe.verdict)
    assert np.mean(values) < 0.01
    assert verdicts.count("no part predicts it") >= 15
    assert probe.n == 180


def test_intervals_cover_the_difference_of_two_equal_parts() -> None:
    """Two models with the same amount of noise on a label: 95 % of the intervals contain no difference."""
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(60):
        label = rng.normal(size=100)
        models = {name: np.column_stack([label + rng.normal(size=100), rng.normal(size=100)]) for name in "ab"}
        result = consensus(models, rank=1, ridge=0.01)
        values = probe_consensus(result, models, label)
        first, second = (values.models[name] for name in "ab")
        covered += first.low <= 0.5 <= first.high and second.low <= 0.5 <= second.high
    assert covered >= 45  # both intervals at once, of one label


def test_labels_that_cannot_be_probed(panel) -> None:
    models, result, z, _ = panel
    for label, message in (
        (np.ones(200), "the same for all samples"),
        (z[:10], "200 labels are needed"),
        (np.where(np.arange(200) < 5, z, np.nan), "5 samples of 5 groups have the label"),
    ):
        with pytest.raises(InputError, match=message):
            probe_consensus(result, models, label)
    with pytest.raises(InputError, match="nothing is shared"):
        probe_consensus(dataclasses.replace(result, rank=0), models, z)
