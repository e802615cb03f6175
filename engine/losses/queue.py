"""A memory of past batches, so that a small batch sees many neighbours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ..base import InputError, pair


class Rows(NamedTuple):
    """Rows of student and teacher, and which of them count.

    Args:
        student: [n, d1].
        teacher: [n, d2].
        where: bool [n].
    """

    student: jax.Array
    teacher: jax.Array
    where: jax.Array


class QueueState(NamedTuple):
    """What is remembered, in a ring.

    Args:
        student: [size, d1].
        teacher: [size, d2].
        filled: int32, rows remembered so far, at most size.
        next: int32, where the next row goes.
    """

    student: jax.Array
    teacher: jax.Array
    filled: jax.Array
    next: jax.Array


class Queue(NamedTuple):
    """Two pure functions, as those of an Optax transformation: ``init(student, teacher)`` and ``update``."""

    init: Callable[[Any, Any], QueueState]
    update: Callable[..., tuple[Rows, QueueState]]


def queue(size: int) -> Queue:
    """Remember the last rows of student and teacher.

    Args:
        size: rows to remember, at least those of a batch.

    Returns:
        ``init(student, teacher) -> state``, empty, of the widths and dtypes of these rows (arrays or
        `jax.ShapeDtypeStruct`), and ``update((student, teacher), state, *, where=None, keys=None) -> (rows, state)``.
        The rows are the batch, as it came, and behind it the remembered rows, newest or not, without gradients:
        [b + size], with ``where`` False for padding and for places that are empty yet. The new state has the batch in
        place of the oldest rows; padding is not remembered. ``keys`` are what to remember of the student in place of
        the rows themselves, such as those of a running average of its parameters, which grow old less fast.

    Both are pure and work inside jit, vmap and scan; a state is size (d1 + d2) numbers. Across devices each keeps a
    queue of its own rows, and the loss is told the ``axis_name``. Losses with ``queries`` cost O(b (b + size)) then.
    Remembered rows come from earlier parameters: the faster these change, the shorter a queue should be.
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
    student, teacher = (jnp.asarray(v) for v in rows)
    pair(student, teacher, least=1)
    b, size = len(student), len(state.student)
    if b > size:
        raise InputError(f"a batch of {b} rows does not fit a queue of {size}: use a size of at least {b}")
    keep = jnp.ones(b, bool) if where is None else jnp.asarray(where)
    past = Rows(*jax.lax.stop_gradient((state.student, state.teacher)), jnp.arange(size) < state.filled)
    seen = Rows(*(jnp.concatenate(parts) for parts in zip((student, teacher, keep), past, strict=True)))
    number = keep.sum(dtype=jnp.int32)
    # Padding goes to a place that there is not.
    place = jnp.where(keep, (state.next + jnp.cumsum(keep, dtype=jnp.int32) - 1) % size, size)

    def written(ring: jax.Array, new: Any) -> jax.Array:
        new = jax.lax.stop_gradient(jnp.asarray(new)).astype(ring.dtype)
        return ring.at[place].set(new, mode="drop")

    kept = QueueState(
        student=written(state.student, student if keys is None else keys),
        teacher=written(state.teacher, teacher),
        filled=jnp.minimum(state.filled + number, size),
        next=(state.next + number) % size,
    )
    return seen, kept
