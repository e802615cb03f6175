from __future__ import annotations

import numpy as np
import pytest

from hyle.engine.base import constant_columns


@pytest.mark.parametrize("n", [1, 2, 3, 9])
def test_constant_columns_are_those_of_one_value(n):
    x = np.random.default_rng(0).normal(size=(n, 6)).astype(np.float32)
    x[:, 1], x[:, 4] = 0.1, 0
    for row in range(n):  # also where the first, the middle and the last row do not tell
        y = x.copy()
        y[row, 4] = 1e-30
        assert constant_columns(y).tolist() == [len(set(column.tolist())) == 1 for column in y.T]
