from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyle.engine.base.equal_rows import first_occurrence, first_occurrence_numpy

from ..samples import EXAMPLES, D, N, seeds, single, views

both = pytest.mark.parametrize("first", [lambda x: first_occurrence(jnp.asarray(x)), first_occurrence_numpy])


def expected(x):
    rows = [tuple(row + 0.0) for row in np.asarray(x)]
    return [row not in rows[:i] for i, row in enumerate(rows)]


@both
@EXAMPLES
@given(seed=seeds, levels=st.integers(1, 4), width=st.integers(1, D))
def test_marks_the_first_occurrence_of_each_row(first, seed, levels, width):
    x = np.zeros((N, D), np.float32)
    x[:, :width] = np.random.default_rng(seed).integers(0, levels, size=(N, width))
    np.testing.assert_array_equal(first(x), expected(x))


@both
def test_negative_zero_equals_zero(first):
    x = np.ones((N, D), np.float32)
    x[:, :2] = np.random.default_rng(0).choice([0.0, -0.0, 1.0], (N, 2))
    np.testing.assert_array_equal(first(x), expected(x))


@both
def test_rows_that_differ_in_the_last_bit_differ(first):
    x = single(np.ones((N, D)))
    x[1, 3] = np.nextafter(np.float32(1), np.float32(2))
    np.testing.assert_array_equal(np.flatnonzero(first(x)), [0, 1])


def test_rows_whose_bits_have_the_same_sum_differ():
    x = single(views(0)[0])
    x[7] = x[3, ::-1]
    assert first_occurrence_numpy(x).all()


def test_rows_of_nan_are_no_duplicates():
    assert bool(first_occurrence(jnp.full((N, D), jnp.nan)).all())


@both
@pytest.mark.parametrize("scale", [1, 1e-50, 1e-300, 1e50, 1e300])
def test_float64_of_any_size(first, scale, float64):
    x = views(0)[0] * scale
    x[40:50], x[5] = x[:10], x[30] * (1 + 2e-16)
    np.testing.assert_array_equal(first(x), expected(x))
