"""Ways of ranking models, evaluated over families."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, spearmanr

from hyle.engine.analysis import rank_criteria

FAMILIES = np.repeat(np.arange(9), [1, 1, 1, 1, 1, 2, 3, 4, 6])


def test_a_way_of_ranking_that_works_and_its_regret() -> None:
    rng = np.random.default_rng(0)
    errors = rng.uniform(1, 2, (4, 20))
    scores = {"probe": -errors + 0.02 * rng.normal(size=(4, 20)), "parameters": rng.normal(size=(4, 20))}
    probe, parameters = rank_criteria(scores, errors, FAMILIES)
    means = [[row[code == FAMILIES].mean() for code in range(9)] for row in (*scores["probe"], *-errors)]
    expected = np.mean([spearmanr(means[i], means[4 + i]).statistic for i in range(4)])
    assert probe.correlation == pytest.approx(expected)
    assert probe.p == probe.smallest_p <= 2 / 2000
    assert probe.low < probe.correlation <= probe.high
    assert probe.regret < 0.05 < parameters.regret
    assert probe.over_parameters[0] > 0
    assert np.isnan(parameters.over_parameters).all()
    assert (probe.families, probe.score.shape) == (9, (20,))


@pytest.mark.parametrize("tails", [False, True])
def test_family_effects_alone_reject_at_the_level(tails: bool) -> None:
    sets, told = 250, np.zeros(2)
    for seed in range(sets):
        rng = np.random.default_rng([seed, tails])
        own = rng.standard_t(3, (3, 9)) if tails else rng.normal(size=(3, 9))
        errors, score, size = own[:, FAMILIES] + 0.3 * rng.normal(size=(3, 20))
        scores = {"probe": score[None], "parameters": size[None]}
        one = rank_criteria(scores, errors[None], FAMILIES, permutations=199)[0]
        told += [one.p <= 0.05, one.over_parameters[0] > 0 or one.over_parameters[1] < 0]
    assert (told <= binom.ppf(0.9995, sets, 0.05)).all(), told
    assert (told >= binom.ppf(0.0005, sets, 0.035)).all(), told


def test_few_families_have_no_p() -> None:
    rng = np.random.default_rng(1)
    scores = {"probe": rng.normal(size=(1, 20)), "parameters": rng.normal(size=(1, 20))}
    one = rank_criteria(scores, rng.normal(size=(1, 20)), FAMILIES // 2)[0]
    assert one.families == 5
    assert np.isnan([one.p, one.low, one.high, *one.over_parameters]).all()
