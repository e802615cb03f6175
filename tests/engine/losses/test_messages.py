"""What the losses say about arguments that do not fit, and their defaults."""

from __future__ import annotations

from functools import partial

import jax
import numpy as np
import pytest

from hyle.engine import losses
from hyle.engine.losses import cka_loss, cknna_loss, queue, relational_loss


def rows(b=8, d=3, seed=0):
    return np.random.default_rng(seed).normal(size=(b, d)).astype("float32")


def test_arguments_have_their_own_names():
    with pytest.raises(ValueError, match=r"student must be a matrix \[n, d\]; got shape \(4, 5, 3\)"):
        cka_loss(np.ones((4, 5, 3)), rows())
    with pytest.raises(ValueError, match="teacher must be a matrix"):
        relational_loss(rows(), np.ones(8))
    with pytest.raises(ValueError, match="student has 8 rows and teacher has 7"):
        cka_loss(rows(), rows(7))
    memory = queue(8)
    with pytest.raises(ValueError, match="student has 8 rows and teacher has 7"):
        memory.update((rows(), rows(7)), memory.init(rows(), rows(7)))


@pytest.mark.parametrize("dtype", ["float64", "int64", "float32"])
def test_a_mask_that_is_not_bool_is_named_by_its_dtype(dtype):
    with pytest.raises(ValueError, match=rf"where must be bool \[8\], one entry per row; got {dtype} \[8\]"):
        cka_loss(rows(), rows(), where=np.ones(8, dtype))
    with pytest.raises(ValueError, match=r"got float64 \[8\]"):
        cka_loss(rows(), rows(), where=[1.0] * 8)


@pytest.mark.parametrize("b", [4, 8, 12])
def test_a_small_batch_has_as_many_neighbours_as_it_can(b):
    x, y = rows(b), rows(b, seed=1)
    given = jax.jit(partial(cknna_loss, k=min(10, b - 1)))
    assert float(jax.jit(cknna_loss)(x, y)) == float(given(x, y))
    with pytest.raises(ValueError, match=f"k={b} neighbours are not possible with {b} samples"):
        cknna_loss(x, y, k=b)


def test_all_names_are_imported_by_a_star():
    space: dict[str, object] = {}
    exec("from hyle.engine.losses import *", space)
    public = {name for name in vars(losses) if name.endswith("_loss")}
    assert public | {"queue", "Queue", "QueueState", "Rows"} <= space.keys()
    pytest.importorskip("flax")
    assert space["Projector"] is losses.Projector
