"""Verdicts by the registered rules: hand-computed p-values, error rates under no effect, and power."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from hyle.cli.study.rules import Claim, Rule, Rules, load_rules
from hyle.cli.study.verdict import (
    INCONCLUSIVE,
    NOT_SUPPORTED,
    SUPPORTED,
    Estimate,
    Tested,
    Verdict,
    holm,
    judge,
    run_test,
)

LINEAR = Rule("a mean", "families", 0.0, 0.5, "linear")


def rules(*tests: Rule, claims: int = 1) -> Rules:
    named = {f"t{i}": rule for i, rule in enumerate(tests)}
    return Rules(0.05, {f"c{i}": Claim(f"c{i}", "It is so.", (), named) for i in range(claims)}, "")


def of_values(values: np.ndarray) -> Estimate:
    """Return a mean with its t interval."""
    n = len(values)
    half_width = stats.t.ppf(0.975, n - 1) * values.std(ddof=1) / math.sqrt(n)
    return Estimate(values.mean(), values.mean() - half_width, values.mean() + half_width, n, df=n - 1)


def test_a_test_by_its_interval_is_student_t() -> None:
    values = np.random.default_rng(0).normal(0.3, 1, 12)
    found = run_test(LINEAR, of_values(values))
    assert found.p == pytest.approx(stats.ttest_1samp(values, 0).pvalue)
    assert found.p_smallest_effect == pytest.approx(stats.ttest_1samp(values, 0.5, alternative="less").pvalue)
    error = values.std(ddof=1) / math.sqrt(12)
    assert found.power == pytest.approx(stats.t.sf(stats.t.ppf(0.975, 11) - 0.5 / error, 11))
    assert not found.large_enough


def test_the_direction_and_the_scale_count() -> None:
    below = Rule("a correlation", "families", 0.0, -0.5, "correlation")
    r, k = -0.8, 12
    half_width = 1.959964 / math.sqrt(k - 3)
    ends = [math.tanh(math.atanh(r) + sign * half_width) for sign in (-1, 1)]
    found = run_test(below, Estimate(r, *ends, k))
    z = math.atanh(r) * math.sqrt(k - 3)
    assert found.p == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-4)
    assert found.p_smallest_effect == pytest.approx(stats.norm.sf((math.atanh(r) - math.atanh(-0.5)) * 3), rel=1e-4)
    assert found.large_enough
    assert run_test(below, Estimate(0.8, -ends[1], -ends[0], k)).p == 1
    ratio = Rule("a ratio", "families", 1.0, 2.0, "ratio")
    doubled = run_test(ratio, Estimate(2.0, 2 / 1.5, 3.0, 8))
    assert doubled.p == pytest.approx(2 * stats.norm.sf(math.log(2) / (math.log(1.5) / 1.959964)), rel=1e-4)
    assert doubled.p_smallest_effect == pytest.approx(0.5)


def test_a_clipped_end_does_not_narrow_the_interval() -> None:
    free, clipped = (run_test(LINEAR, Estimate(0.9, 0.6, high, 8, df=7)) for high in (1.2, 1.0))
    assert clipped.p == free.p


def test_a_permutation_p_is_used_as_it_is_and_no_interval_means_no_test_of_the_smallest_effect() -> None:
    assert run_test(LINEAR, Estimate(0.9, 0.4, 1.4, 8, p=0.012, df=7)).p == 0.012
    alone = run_test(LINEAR, Estimate(0.9, math.nan, math.nan, 3))
    assert (math.isnan(alone.p), math.isnan(alone.p_smallest_effect), math.isnan(alone.power)) == (True, True, True)
    registered = rules(LINEAR)
    verdict = judge({"c0": {"t0": alone.estimate}}, registered)["c0"]
    assert verdict.verdict == INCONCLUSIVE
    assert math.isnan(verdict.power)


def test_a_claim_needs_all_of_its_tests_and_one_refutes_it() -> None:
    large, absent, vague = Estimate(1, 0.8, 1.2, 9), Estimate(0, -0.2, 0.2, 9), Estimate(0.3, -1.5, 2.1, 9)
    registered = rules(LINEAR, LINEAR)

    def verdict(*estimates: Estimate) -> Verdict:
        return judge({"c0": dict(zip(("t0", "t1"), estimates, strict=True))}, registered)["c0"]

    assert verdict(large, large).verdict == SUPPORTED
    assert verdict(large, vague).verdict == INCONCLUSIVE
    refuted = verdict(large, absent)
    assert refuted.verdict == NOT_SUPPORTED
    assert refuted.p_smallest_effect == pytest.approx(2 * run_test(LINEAR, absent).p_smallest_effect)
    assert verdict(large, vague).power == pytest.approx(run_test(LINEAR, vague).power)
    twelve = judge({"c0": {"t0": vague}}, rules(LINEAR, claims=12))["c0"]
    assert twelve.power == pytest.approx(run_test(LINEAR, vague, 0.05 / 12).power)
    # Significant, but smaller than what matters, which is not excluded.
    small = Estimate(0.4, 0.1, 0.7, 9)
    assert run_test(LINEAR, small).p < 0.05
    assert verdict(small, large).verdict == INCONCLUSIVE


def test_holm_by_hand_also_for_claims_that_were_not_tested() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})
    assert holm({"a": 0.01, "b": math.nan}, 4) == pytest.approx({"a": 0.04, "b": 1.0})
    one = judge({"c0": {"t0": Estimate(1, 0.3, 1.7, 9)}}, rules(LINEAR, claims=12))["c0"]
    assert one.p == pytest.approx(12 * run_test(LINEAR, Estimate(1, 0.3, 1.7, 9)).p)
    with pytest.raises(ValueError, match="c0 is tested by t0; got other"):
        judge({"c0": {"other": Estimate(1, 0, 2, 9)}}, rules(LINEAR))


def test_error_rates_and_power_are_those_that_are_claimed() -> None:
    rng = np.random.default_rng(1)
    null = [judge({"c0": {"t0": of_values(rng.normal(0, 1, 10))}}, rules(LINEAR))["c0"] for _ in range(1000)]
    # One-sided through the claimed direction: half of 5 %.
    assert np.mean([each.p <= 0.05 for each in null]) == pytest.approx(0.025, abs=0.015)
    at = [run_test(LINEAR, of_values(rng.normal(0.5, 0.6, 10))) for _ in range(1000)]
    assert np.mean([each.p_smallest_effect <= 0.05 for each in at]) == pytest.approx(0.05, abs=0.02)
    assert np.mean([each.p <= 0.05 for each in at]) == pytest.approx(np.mean([each.power for each in at]), abs=0.06)


def test_every_registered_rule_can_be_judged(tmp_path: Path) -> None:
    registered = load_rules()
    assert len(registered.sha256) == 64
    assert sum(claim.in_study for claim in registered.claims.values()) == 9
    for claim in registered.claims.values():
        assert claim.sets
        assert claim.claim.endswith(".")
        estimates = {name: Estimate(rule.smallest, math.nan, math.nan, 3) for name, rule in claim.tests.items()}
        tests: dict[str, Tested] = judge({claim.name: estimates}, registered)[claim.name].tests
        assert all(each.large_enough for each in tests.values())
    path = tmp_path / "rules.toml"
    path.write_text(
        '[claims.a]\nclaim = "A."\nsets = []\n[claims.a.tests.t]\nstatistic = "s"\nunit = "u"\nnull = 0.0\n'
        'smallest = 0.0\nscale = "linear"\n'
    )
    path.write_text("level = 0.05\n" + path.read_text())
    with pytest.raises(ValueError, match=r"a\.t has no effect that would matter"):
        load_rules(path)
