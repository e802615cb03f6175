"""Degrees of freedom of standard errors, with and without the values behind them."""

from __future__ import annotations

import numpy as np
import pytest

from hyle.engine import compare
from hyle.engine.analysis import error_freedom


def test_unequal_groups_have_fewer_degrees_of_freedom() -> None:
    rng = np.random.default_rng(0)
    models = {name: rng.normal(size=(60, 4)) for name in "ab"}
    # Five jackknife groups of 20, 10, 10, 10 and 10 samples, since whole groups are left out.
    groups = np.repeat(np.arange(5), [20, 10, 10, 10, 10])
    kept = compare(models, metrics=("cka",), jackknife_groups=5, groups=groups, keep_resamples=True)
    # Kott: (sum w^2)^2 / sum w^4 - 1, with w^2 of 4, 1, 1, 1 and 1: 64 / 20 - 1.
    assert error_freedom(kept, "cka") == pytest.approx(2.2)
    assert error_freedom(kept.drop_vars("cka_jackknife_values"), "cka") == 4  # only their number is known
    equal = compare(models, metrics=("cka",), jackknife_groups=5, keep_resamples=True)
    assert error_freedom(equal, "cka") == pytest.approx(4)


def test_errors_of_other_kinds_have_none() -> None:
    rng = np.random.default_rng(0)
    found = compare({name: rng.normal(size=(60, 4)) for name in "ab"}, metrics=("cka",))
    assert np.isnan(error_freedom(found, "cka"))
    found["cka_se"] = found["cka"]
    assert np.isnan(error_freedom(found, "cka"))
