from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, t

from hyle.engine.base import t_quantile


def test_quantiles_of_student() -> None:
    assert t_quantile(0.975, 19) == pytest.approx(t.ppf(0.975, 19))
    assert t_quantile(0.975, np.inf) == pytest.approx(norm.ppf(0.975))
    np.testing.assert_allclose(t_quantile(0.975, np.array([4.0, np.inf])), [t.ppf(0.975, 4), norm.ppf(0.975)])
    assert np.isnan(t_quantile(0.975, np.nan))
