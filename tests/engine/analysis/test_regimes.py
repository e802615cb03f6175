from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from hyle.engine.analysis import regimes

from .panels import comparison


def test_a_planted_fall_is_found_and_none_is_not() -> None:
    rng = np.random.default_rng(0)
    m = 12
    base = rng.uniform(0.3, 0.9, (m, m))
    noise = rng.normal(size=(m, m))
    inside, fallen, same = ((v + v.T) / 2 for v in (base, base * 0.6, base + 0.05 * noise))
    for values in (inside, fallen, same):
        np.fill_diagonal(values, 1)
    down = regimes(comparison(inside), comparison(fallen))[0]
    assert down.low <= down.outside - down.inside <= down.high < 0
    assert down.rising == 0
    assert down.correlation == pytest.approx(1)
    level = regimes(comparison(inside), comparison(same))[0]
    assert level.low < 0 < level.high


def test_changes_are_of_families_and_few_are_inconclusive() -> None:
    rng = np.random.default_rng(1)
    families = np.repeat(np.arange(7), [9, 1, 1, 1, 1, 1, 1])
    base = np.full((15, 15), 0.5)
    # The many models of one family lose; the other families do not.
    change = np.where((families == 0)[:, None] & (families == 0), -0.3, 0) + 0.01 * rng.normal(size=(15, 15))
    second = base + (change + change.T) / 2
    labels = [f"f{code}" for code in families]
    found = regimes(comparison(base, family=labels), comparison(second, family=labels))[0]
    assert (found.models, found.families) == (15, 7)
    assert found.outside == pytest.approx(0.5, abs=0.01)
    assert found.low < 0 < found.high
    kept = families < 5
    few = regimes(
        comparison(base[np.ix_(kept, kept)], family=[f"f{c}" for c in families[kept]]),
        comparison(second[np.ix_(kept, kept)] - 0.4, family=[f"f{c}" for c in families[kept]]),
    )[0]
    assert few.outside < 0.2
    assert np.isnan([few.low, few.high]).all()
    one = regimes(comparison(base, family=["f"] * 15), comparison(second, family=["f"] * 15))[0]
    assert (one.families, one.inside) == (1, pytest.approx(0.5))


def test_the_interval_of_a_change_covers_none() -> None:
    sets, missed = 200, 0
    families = np.repeat(np.arange(8), [1, 1, 1, 1, 2, 3, 5, 8])
    for seed in range(sets):
        rng = np.random.default_rng(seed)
        own, both = rng.standard_t(3, 8), rng.standard_t(3, (8, 8))
        change = 0.02 * (own[:, None] + own + both + both.T)[np.ix_(families, families)]
        base, labels = np.full((22, 22), 0.5), [f"f{code}" for code in families]
        found = regimes(comparison(base, family=labels), comparison(base + change, family=labels))[0]
        missed += not found.low <= 0 <= found.high
    assert binom.ppf(0.0005, sets, 0.03) <= missed <= binom.ppf(0.9995, sets, 0.05)


def test_the_part_beyond_chance_is_compared() -> None:
    values = np.full((3, 3), 0.2) + 0.8 * np.eye(3)
    one, other = comparison(values), comparison(values)
    for data, level in ((one, 0.2), (other, 0.0)):
        data["cknna_chance"] = (("model", "other"), np.full((3, 3), level))
    found = regimes(one, other)[0]
    assert found.inside == pytest.approx(0)
    assert found.outside == pytest.approx(0.2)
    assert np.isnan(found.correlation)
    with pytest.raises(ValueError, match="share 0 models"):
        regimes(one, comparison(values, ["x", "y", "z"]))
