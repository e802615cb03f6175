"""Projector for representation alignment (REPA), as a Flax NNX module."""

from __future__ import annotations

from typing import Any

import jax
from flax import nnx


class Projector(nnx.Module):
    """Three linear layers with SiLU in between, from the width of a student to that of a teacher.

    Args:
        width: number of columns of the student.
        target: number of columns of the teacher.
        rngs: random streams for the parameters.
        hidden: number of columns of the hidden layers.
        dtype: of the computation; default: the promoted dtype of input and parameters.

    Source: Yu et al. (2025), arXiv 2410.06940, whose hidden width is 2048.

    Example:
        >>> import jax, numpy as np
        >>> from hyle.engine.losses import cosine_loss
        >>> projector = Projector(8, 4, rngs=nnx.Rngs(0))
        >>> student, teacher = np.ones((6, 8), np.float32), np.ones((6, 4), np.float32)
        >>> gradient = nnx.grad(lambda p: cosine_loss(student, teacher, projector=p))(projector)
        >>> jax.tree.leaves(gradient)[0].shape
        (2048,)
    """

    def __init__(self, width: int, target: int, /, *, rngs: nnx.Rngs, hidden: int = 2048, dtype: Any = None) -> None:
        self.first = nnx.Linear(width, hidden, dtype=dtype, rngs=rngs)
        self.second = nnx.Linear(hidden, hidden, dtype=dtype, rngs=rngs)
        self.third = nnx.Linear(hidden, target, dtype=dtype, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Project rows [b, width] to [b, target]."""
        return self.third(jax.nn.silu(self.second(jax.nn.silu(self.first(x)))))
