"""Losses that align a student in training with a teacher, one module per loss, and a queue of past batches.

Each is ``loss(student, teacher, /, *, where=None, axis_name=None, ...)`` on two batches of the same samples. It is
computed in float32 (float64 for float64 input), has gradients for both sides in their own dtypes, and works under
`jax.jit`, `jax.vmap`, `jax.grad` and `jax.lax.scan`. If the teacher is fixed, wrap it in `jax.lax.stop_gradient`.

- ``where``, bool [b]: rows where it is False are padding. They may contain any values; the loss and its gradient are
  those of the batch without them.
- ``axis_name``: inside `jax.shard_map` or a named `jax.vmap`, the axis over which the batch is sharded. Every device
  then computes the loss of the whole batch, by gathering it or, where the loss allows, by exchanging sums only. Under
  `jax.jit` a sharded batch needs no ``axis_name``. Gradients taken outside of `shard_map`, or inside with its default
  ``check_vma=True``, are those of the whole batch. With ``check_vma=False`` they are too large by the number of
  devices, as for any `pmean`; averaging them over devices, as is done for gradients of parameters, corrects this.
- In torch, wrap a loss with `torch_loss`; a loss that is called with torch tensors itself returns no gradient for them.
  Modules of Flax (NNX, Linen), Equinox and Haiku need nothing: the losses take their outputs.
- The mean of the losses of small batches, as in gradient accumulation (`optax.MultiSteps`), is not the loss of one
  large batch, except for `cosine_loss`: use a `queue`, or shard the large batch.
- A batch without information (constant rows, fewer rows than a U-statistic needs, no spread beyond rounding) has the
  loss of chance and a gradient of zeros. A batch with a row that is not finite, in student or teacher,
  has the loss NaN and a gradient of NaN, on all devices; padding does not count.
"""

from importlib.util import find_spec as _find_spec
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
from .torch_loss import torch_loss as torch_loss

__all__ = [
    "Queue",
    "QueueState",
    "Rows",
    "cka_loss",
    "cknna_loss",
    "cosine_loss",
    "distance_correlation_loss",
    "information_imbalance_loss",
    "queue",
    "relational_loss",
    "soft_neighbour_loss",
    "torch_loss",
]
if _find_spec("flax") is not None:
    __all__ += ["Projector"]


def __getattr__(name: str) -> Any:
    # Only Projector needs Flax.
    if name == "Projector":
        try:
            from .projector import Projector
        except ModuleNotFoundError as error:
            raise MissingPackageError("Projector is a Flax NNX module: pip install flax") from error
        return Projector
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
