from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hyle.engine.losses import cknna_loss, queue, soft_neighbour_loss

SIZE, B = 10, 4


def batches(count, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, B, 3)).astype("float32")
    return x, rng.normal(size=(count, B, 2)).astype("float32"), rng.random((count, B)) < 0.7


def remembered(state):
    """What a queue holds, oldest first."""
    place = (int(state.next) - int(state.filled) + np.arange(int(state.filled))) % SIZE
    return np.asarray(state.student)[place], np.asarray(state.teacher)[place]


def test_it_holds_the_last_rows_that_counted():
    xs, ys, keeps = batches(9)
    memory = queue(SIZE)
    state = memory.init(xs[0], ys[0])
    update = jax.jit(memory.update)
    seen = [np.zeros((0, 3)), np.zeros((0, 2))]
    for x, y, keep in zip(xs, ys, keeps, strict=True):
        rows, state = update((x, y), state, where=keep)
        np.testing.assert_array_equal(rows.student[:B], x)
        np.testing.assert_array_equal(rows.where[:B], keep)
        assert rows.student.shape == (B + SIZE, 3)
        # The past as it was before this batch.
        past = np.asarray(rows.student)[B:][np.asarray(rows.where)[B:]]
        assert sorted(map(tuple, past)) == sorted(map(tuple, np.float32(seen[0][-SIZE:])))
        seen = [np.concatenate([old, new[keep]]) for old, new in zip(seen, (x, y), strict=True)]
        for held, side in zip(remembered(state), seen, strict=True):
            np.testing.assert_array_equal(held, np.float32(side[-SIZE:]))
    assert len(seen[0]) > 2 * SIZE


def test_under_scan_the_loop():
    xs, ys, keeps = batches(7)
    memory = queue(SIZE)
    state = start = memory.init(xs[0], ys[0])

    def step(state, batch):
        x, y, keep = batch

        def loss(x):
            rows, new = memory.update((x, y), state, where=keep)
            return soft_neighbour_loss(rows.student, rows.teacher, where=rows.where, queries=B), new

        (value, new), gradient = jax.value_and_grad(loss, has_aux=True)(x)
        return new, (value, gradient)

    alone, compiled = [], jax.jit(step)
    for batch in zip(xs, ys, keeps, strict=True):
        state, found = compiled(state, batch)
        alone.append(found)
    end, (values, gradients) = jax.jit(lambda state: jax.lax.scan(step, state, (xs, ys, keeps)))(start)
    np.testing.assert_allclose(values, [value for value, _ in alone], rtol=1e-5)
    np.testing.assert_allclose(gradients, [gradient for _, gradient in alone], rtol=1e-4, atol=1e-6)
    jax.tree.map(np.testing.assert_array_equal, end, state)
    assert np.isfinite(gradients).all()


def test_the_loss_is_that_of_all_rows_and_pulls_at_the_batch_alone():
    xs, ys, _ = batches(3, seed=1)
    memory = queue(2 * B)
    state = memory.init(xs[0], ys[0])
    for x, y in zip(xs[:2], ys[:2], strict=True):
        _, state = memory.update((x, y), state)

    def loss(x, past):
        rows, _ = memory.update((x, ys[2]), state._replace(student=past))
        return cknna_loss(rows.student, rows.teacher, where=rows.where, k=3)

    value, (now, past) = jax.jit(jax.value_and_grad(loss, (0, 1)))(xs[2], state.student)
    whole = [np.concatenate([v[2], v[0], v[1]]) for v in (xs, ys)]
    expected, gradient = jax.jit(jax.value_and_grad(partial(cknna_loss, k=3)))(*whole)
    assert float(value) == pytest.approx(float(expected), rel=1e-6)
    assert not np.asarray(past).any()
    np.testing.assert_allclose(now, gradient[:B], rtol=1e-4, atol=1e-6)


def test_keys_are_remembered_in_place_of_the_rows_and_in_the_dtype_of_the_start():
    xs, ys, _ = batches(1)
    memory = queue(SIZE)
    state = memory.init(jax.ShapeDtypeStruct((B, 3), jnp.bfloat16), ys[0])
    rows, state = memory.update((xs[0], ys[0]), state, keys=2 * xs[0])
    assert rows.student.dtype == jnp.float32
    assert state.student.dtype == jnp.bfloat16
    np.testing.assert_array_equal(state.student[:B], (2 * xs[0]).astype(jnp.bfloat16))


def test_a_batch_that_does_not_fit_is_named():
    memory = queue(3)
    with pytest.raises(ValueError, match="a batch of 4 rows does not fit a queue of 3"):
        memory.update((np.ones((4, 2)), np.ones((4, 2))), memory.init(np.ones((4, 2)), np.ones((4, 2))))


def test_a_row_that_is_not_finite_shows_while_it_is_remembered():
    rng = np.random.default_rng(0)
    xs, ys = (rng.normal(size=(4, 32, 64)).astype("float32") for _ in range(2))
    xs[0, 3, 5] = np.nan
    memory = queue(64)
    state = memory.init(xs[0], ys[0])

    @jax.jit
    def step(x, y, state):
        def loss(x):
            rows, new = memory.update((x, y), state)
            return soft_neighbour_loss(rows.student, rows.teacher, where=rows.where, queries=32), new

        return jax.value_and_grad(loss, has_aux=True)(x)

    shown = []
    for x, y in zip(xs, ys, strict=True):
        (value, state), gradient = step(x, y, state)
        assert np.isnan(gradient).all() == np.isnan(value) == np.isnan(gradient).any()
        shown.append(bool(np.isnan(value)))
    assert shown == [True, True, True, False]
