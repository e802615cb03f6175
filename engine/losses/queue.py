"""A memory of past batches, so that the rows of a small batch have many candidate neighbours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ..base import InputError, pair
from ..gram import batches


class Rows(NamedTuple):
    """Rows of student and teacher, with padding.

    Args:
        student: [n, d1].
        teacher: [n, d2].
        where: bool [n], False for padding.
    """

    student: jax.Array
    teacher: jax.Array
    where: jax.Array


class QueueState(NamedTuple):
    """The remembered rows, in a ring buffer.

    Args:
        student: [size, d1].
        teacher: [size, d2].
        filled: int32, number of rows remembered so far, at most size.
        next: int32, index at which the next row is written.
    """

    student: jax.Array
    teacher: jax.Array
    filled: jax.Array
    next: jax.Array


class Queue(NamedTuple):
    """Two pure functions, like those of an Optax transformation: ``init`` and ``update``; see `queue`."""

    init: Callable[[Any, Any], QueueState]
    update: Callable[..., tuple[Rows, QueueState]]


def queue(size: int) -> Queue:
    """Build a queue that remembers the last rows of student and teacher.

    Args:
        size: number of rows to remember, at least that of a batch.

    Returns:
        ``init(student, teacher) -> state``: an empty state for rows of these widths and dtypes (arrays or
        `jax.ShapeDtypeStruct`).
        ``update((student, teacher), state, *, where=None, keys=None) -> (rows, state)``. The returned rows, [b + size],
        are the batch as passed, followed by the remembered rows in no particular order, without gradients; their
        ``where`` is False for padding and for empty places. In the new state the batch replaces the oldest rows;
        padding is not remembered. ``keys`` [b, d1] are rows to remember of the student instead of its own, such as
        those of a running average of its parameters, which become outdated more slowly.

    Raises:
        ValueError: ``size`` is below 1, or, from ``update``, a batch does not fit the queue.

    Both functions are pure and work inside jit, vmap and scan; a state is size (d1 + d2) numbers. Inside
    `jax.shard_map` each device has a separate queue of its own rows, and the loss takes the ``axis_name``. A batch that
    is sharded over explicit mesh axes is gathered, and the state is then the same on all devices. Losses with
    ``queries`` cost O(b (b + size)). Remembered rows come from earlier parameters: the faster these change, the
    shorter the queue should be.
    Source: He et al. (2020), arXiv 1911.05722.

    Example:
        >>> import numpy as np
        >>> from hyle.engine.losses import soft_neighbour_loss
        >>> memory = queue(64)
        >>> student, teacher = np.random.default_rng(0).normal(size=(2, 16, 8)).astype("float32")
        >>> state = memory.init(student, teacher)
        >>> rows, state = memory.update((student, teacher), state)
        >>> loss = soft_neighbour_loss(rows.student, rows.teacher, where=rows.where, queries=16)
        >>> rows.student.shape, int(rows.where.sum()), int(state.filled)
        ((80, 8), 16, 16)
    """
    if size < 1:
        raise InputError(f"size={size}: a queue remembers at least one row")

    def init(student: Any, teacher: Any) -> QueueState:
        sides = [
            jnp.zeros((size, v.shape[1]), v.dtype) for v in map(jax.eval_shape, (lambda: student, lambda: teacher))
        ]
        return QueueState(sides[0], sides[1], jnp.zeros((), jnp.int32), jnp.zeros((), jnp.int32))

    def update(
        rows: tuple[Any, Any], state: QueueState, *, where: Any = None, keys: Any = None
    ) -> tuple[Rows, QueueState]:
        return _update(rows, state, where, keys)

    return Queue(init, update)


def _update(rows: tuple[Any, Any], state: QueueState, where: Any, keys: Any) -> tuple[Rows, QueueState]:
    student, teacher = (batches.unsharded(jnp.asarray(v)) for v in rows)
    pair(student, teacher, least=1, names=("student", "teacher"))
    state = QueueState(*map(batches.unsharded, state))
    b, size = len(student), len(state.student)
    if b > size:
        raise InputError(f"a batch of {b} rows does not fit a queue of {size}: use a size of at least {b}")
    keep = jnp.ones(b, bool) if where is None else batches.unsharded(jnp.asarray(where))
    past = Rows(*jax.lax.stop_gradient((state.student, state.teacher)), jnp.arange(size) < state.filled)
    rows_with_past = Rows(*(jnp.concatenate(parts) for parts in zip((student, teacher, keep), past, strict=True)))
    number = keep.sum(dtype=jnp.int32)
    # Padding gets an index out of range, which mode="drop" skips.
    place = jnp.where(keep, (state.next + jnp.cumsum(keep, dtype=jnp.int32) - 1) % size, size)

    def written(ring: jax.Array, new: Any) -> jax.Array:
        new = jax.lax.stop_gradient(batches.unsharded(jnp.asarray(new))).astype(ring.dtype)
        return ring.at[place].set(new, mode="drop")

    new_state = QueueState(
        student=written(state.student, student if keys is None else keys),
        teacher=written(state.teacher, teacher),
        filled=jnp.minimum(state.filled + number, size),
        next=(state.next + number) % size,
    )
    return rows_with_past, new_state
