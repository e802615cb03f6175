from __future__ import annotations

import numpy as np
import pytest

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
