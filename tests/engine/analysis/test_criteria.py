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


def test_models_without_a_score_are_neither_correlated_nor_regretted() -> None:
    """Eight families; the first has no score in one draw, and the second none in the other."""
    rng = np.random.default_rng(2)
    errors, score = rng.uniform(1, 2, (2, 8)), rng.normal(size=(2, 8))
    score[0, 0] = score[1, 1] = np.nan
    one = rank_criteria({"alignment": score, "parameters": rng.normal(size=(2, 8))}, errors)[0]
    expected, regrets = [], []
    for draw, left in enumerate(([1, 2, 3, 4, 5, 6, 7], [0, 2, 3, 4, 5, 6, 7])):
        expected.append(spearmanr(score[draw, left], -errors[draw, left]).statistic)
        others = errors[draw, left]
        taken = others[score[draw, left].argmax()]
        regrets.append((taken - others.min()) / (others.mean() - others.min()))
    assert one.correlation == pytest.approx(np.mean(expected))
    assert one.regret == pytest.approx(np.mean(regrets))
    assert one.families == 7
    assert one.score[0] == score[1, 0]
    assert np.isfinite([one.p, *one.over_parameters]).all()


def test_draws_with_other_models_without_a_score_reject_at_the_level() -> None:
    """Which family has no score is not by chance: it is the one with the lowest error in the draw."""
    sets, told = 250, 0
    for seed in range(sets):
        rng = np.random.default_rng([seed, 7])
        errors = rng.normal(size=9) + 0.5 * rng.normal(size=(4, 9))
        score = rng.normal(size=9) + 0.5 * rng.normal(size=(4, 9))
        score[np.arange(4), errors.argmin(1)] = np.nan
        told += rank_criteria({"alignment": score}, errors, permutations=199)[0].p <= 0.05
    assert binom.ppf(0.0005, sets, 0.05) <= told <= binom.ppf(0.9995, sets, 0.05), told


def test_no_score_at_all_is_not_defined() -> None:
    one = rank_criteria({"alignment": np.full((2, 4), np.nan)}, np.ones((2, 4)))[0]
    assert np.isnan([one.correlation, one.p, one.regret, *one.score]).all()
    assert one.families == 0
