"""Losses that pull a student in training towards a teacher, one file a loss, and a queue of past batches.

Each is ``loss(student, teacher, /, *, where=None, axis_name=None, ...)`` on two batches of the same samples. It is
computed in float32 (float64 where given), has gradients for both sides in their own dtypes, and works under `jax.jit`,
`jax.vmap`, `jax.grad` and `jax.lax.scan`. Where the teacher is fixed, wrap it in `jax.lax.stop_gradient`.

- ``where``, bool [b]: rows where it is False are padding. They may hold anything; value and gradient are those of the
  batch without them.
- ``axis_name``: within `jax.shard_map` or a named `jax.vmap`, the axis over which the batch is shared out. The loss is
  then that of the whole batch, on every device, gathered or, where the loss allows, through sums alone. Under
  `jax.jit` with a sharded batch nothing needs to be said. Gradients taken outside of `shard_map`, or inside with its
  default ``check_vma=True``, are those of the whole batch; with ``check_vma=False`` they are too large by the number of
  devices, as for any `pmean`, and come right by averaging them over devices, as gradients of parameters are.
- A batch that says nothing (constant rows, fewer rows than a U-statistic needs, no spread beyond rounding) costs what
  chance does and has a gradient of zeros. What is not finite gives NaN.
"""

from typing import Any

from ..base import MissingPackageError
from .cka import cka_loss as cka_loss
from .cknna import cknna_loss as cknna_loss
from .cosine import cosine_loss as cosine_loss
from .distance_correlation import distance_correlation_loss as distance_correlation_loss
from .information_imbalance import information_imbalance_loss as information_imbalance_loss
from .queue import Queue as Queue
from .queue import QueueState as QueueState
from .queue import Rows as Rows
from .queue import queue as queue
from .relational import relational_loss as relational_loss
from .soft_neighbours import soft_neighbour_loss as soft_neighbour_loss


def __getattr__(name: str) -> Any:
    # Flax is needed for this one alone.
    if name == "Projector":
        try:
            from .projector import Projector
        except ModuleNotFoundError as error:
            raise MissingPackageError("Projector is a Flax NNX module: pip install 'hyle[train]'") from error
        return Projector
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
