"""From estimates to verdicts, by the registered rules.

A claim needs all of its tests, so that its p-value is the largest of theirs (intersection-union test). It is not
supported only where an effect as large as the smallest one that matters is rejected, one-sided, for one of its tests
(minimum-effect test). Both are corrected for the number of claims by Holm's method. Everything else is inconclusive: a
test that is not significant does not refute a claim.
Source: Berger (1982), Technometrics 24, 295; Schuirmann (1987), J. Pharmacokinet. Biopharm. 15, 657; Holm (1979),
Scand. J. Stat. 6, 65.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .rules import Claim, Rule, Rules

SUPPORTED, NOT_SUPPORTED, INCONCLUSIVE = "supported", "not supported", "inconclusive"
# Ends of an interval of a correlation are at most this far from 0, where Fisher's z is finite.
LARGEST_CORRELATION = 0.999


@dataclass(frozen=True)
class Estimate:
    """An estimate of the statistic of one test.

    Args:
        value: of the statistic; NaN where it is not defined.
        low: lower end of its 95 % interval; NaN where there are too few units.
        high: upper end.
        units: number of families, or of samples, that are independent of each other.
        p: two-sided, by permutation of the units; NaN for a test by the interval.
        df: degrees of freedom of the interval; infinite for a normal one.
    """

    value: float
    low: float
    high: float
    units: int
    p: float = math.nan
    df: float = math.inf


@dataclass(frozen=True)
class Tested:
    """The result of one test.

    Args:
        estimate: of its statistic.
        p: two-sided against no effect, 1 in the direction that is not claimed; NaN where nothing can be tested.
        p_smallest_effect: one-sided, against an effect as large as the smallest one that matters.
        power: probability of p <= the level, corrected for the number of claims, if the effect is the smallest one that
            matters, by the interval.
        large_enough: whether the estimate is at least that large.
    """

    estimate: Estimate
    p: float
    p_smallest_effect: float
    power: float
    large_enough: bool


@dataclass(frozen=True)
class Verdict:
    """The verdict on a claim.

    Args:
        verdict: ``supported``, ``not supported`` or ``inconclusive``.
        p: of the claim, the largest of its tests, after Holm's correction for the claims.
        p_smallest_effect: the smallest of its tests, after the corrections for tests and claims.
        power: of its weakest test; NaN where one cannot be tested at all.
        tests: name -> result.
    """

    verdict: str
    p: float
    p_smallest_effect: float
    power: float
    tests: Mapping[str, Tested]


def run_test(rule: Rule, estimate: Estimate, level: float = 0.05) -> Tested:
    """Test one statistic against no effect and against the smallest effect that matters.

    Args:
        rule: as registered.
        estimate: of the statistic.
        level: for the power, corrected for the number of claims.
    """
    from scipy.stats import t as student

    value, low, high, null, smallest = (
        _scaled(each, rule) for each in (estimate.value, estimate.low, estimate.high, rule.null, rule.smallest)
    )
    if math.isnan(value):
        return Tested(estimate, math.nan, math.nan, math.nan, False)
    large_enough = rule.sign * (value - smallest) >= 0
    quantile = float(student.ppf(0.975, estimate.df))
    # An end may have been clipped, such as that of a correlation at 1.
    error = float(np.max([high - value, value - low])) / quantile  # not a number where one of both is not
    if not error > 0:  # no interval, or no variation to judge the estimate by
        p = estimate.p if rule.sign * (value - null) > 0 or math.isnan(estimate.p) else 1.0
        return Tested(estimate, p, math.nan, math.nan, large_enough)
    p = estimate.p
    if math.isnan(p):
        p = 2 * float(student.sf(abs(value - null) / error, estimate.df))
    if rule.sign * (value - null) <= 0:
        p = 1.0
    p_smallest_effect = float(student.cdf(rule.sign * (value - smallest) / error, estimate.df))
    critical = float(student.ppf(1 - level / 2, estimate.df))
    power = float(student.sf(critical - abs(smallest - null) / error, estimate.df))
    return Tested(estimate, p, p_smallest_effect, power, large_enough)


def judge(estimates: Mapping[str, Mapping[str, Estimate]], rules: Rules) -> dict[str, Verdict]:
    """Return the verdict on each claim.

    Args:
        estimates: claim -> test -> estimate, of some of the claims; all tests of each.
        rules: the registered rules.

    Raises:
        ValueError: a test of a claim has no estimate, or an estimate is of no test.
    """
    tested = {
        name: _run_tests(rules.claims[name], of_tests, rules.level / len(rules.claims))
        for name, of_tests in estimates.items()
    }
    ps = {name: _largest([each.p for each in tests.values()]) for name, tests in tested.items()}
    of_smallest = {
        name: _smallest([each.p_smallest_effect for each in tests.values()]) for name, tests in tested.items()
    }
    # Corrected for all registered claims, also for those whose data sets are not there.
    ps, of_smallest = holm(ps, len(rules.claims)), holm(of_smallest, len(rules.claims))
    verdicts = {}
    for name, tests in tested.items():
        if ps[name] <= rules.level and all(each.large_enough for each in tests.values()):
            verdict = SUPPORTED
        elif of_smallest[name] <= rules.level:
            verdict = NOT_SUPPORTED
        else:
            verdict = INCONCLUSIVE
        power = float(np.min([each.power for each in tests.values()]))
        verdicts[name] = Verdict(verdict, ps[name], of_smallest[name], power, tests)
    return verdicts


def holm(p: Mapping[str, float], number: int | None = None) -> dict[str, float]:
    """Return p-values adjusted by Holm's method; NaN are counted as 1.

    Args:
        p: name -> p.
        number: of hypotheses, if there are more than p-values.
    """
    ordered = sorted((1.0 if math.isnan(value) else value, name) for name, value in p.items())
    total, largest, adjusted = max(number or 0, len(ordered)), 0.0, {}
    for rank, (value, name) in enumerate(ordered):
        largest = max(largest, min(1.0, (total - rank) * value))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p}


def _run_tests(claim: Claim, estimates: Mapping[str, Estimate], level: float) -> dict[str, Tested]:
    if estimates.keys() != claim.tests.keys():
        raise ValueError(f"{claim.name} is tested by {', '.join(claim.tests)}; got {', '.join(estimates)}")
    return {name: run_test(rule, estimates[name], level) for name, rule in claim.tests.items()}


def _largest(p: list[float]) -> float:
    return math.nan if any(map(math.isnan, p)) else max(p)


def _smallest(p: list[float]) -> float:
    known = [value for value in p if not math.isnan(value)]
    return min(1.0, len(p) * min(known)) if known else math.nan


def _scaled(value: float, rule: Rule) -> float:
    if math.isnan(value):
        return math.nan
    if rule.scale == "correlation":
        return math.atanh(min(max(value, -LARGEST_CORRELATION), LARGEST_CORRELATION))
    if rule.scale == "ratio":
        return math.log(value) if value > 0 else -math.inf
    return value
