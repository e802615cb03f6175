"""Losses with gradients for torch: training in torch calls the losses, which are computed by JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ..base import InputTypeError, MissingPackageError, as_array


def torch_loss(loss: Callable[..., jax.Array], /) -> Callable[..., Any]:
    """Wrap a loss so that it takes torch tensors and returns a torch scalar with gradients.

    Args:
        loss: one of `hyle.engine.losses`, with its options set beforehand: ``partial(cknna_loss, k=5)``. A projector is
            a torch module of its own, applied to the student's rows before the call.

    Returns:
        ``call(student, teacher, *, where=None) -> scalar tensor``, in the dtype and on the device of the student. Rows
        cross without a copy where `hyle.engine.copy_reason` gives none. The loss is compiled once per shape of batch.
        Gradients are those of `jax.grad`, for each argument that requires one; there are no second derivatives.

    Raises:
        ImportError: torch is not installed.
        TypeError: from the call, an argument is not a torch tensor.

    Example:
        >>> import pytest; torch = pytest.importorskip("torch")
        >>> from hyle.engine.losses import cka_loss
        >>> alignment = torch_loss(cka_loss)
        >>> x = torch.arange(64.0).reshape(16, 4).sin().requires_grad_()
        >>> alignment(x, x.detach().flip(0)).backward()
        >>> x.grad.shape
        torch.Size([16, 4])
    """
    try:
        import torch
    except ImportError as error:
        raise MissingPackageError("torch_loss needs torch: pip install torch") from error

    def value(student: jax.Array, teacher: jax.Array, where: jax.Array) -> jax.Array:
        return loss(student, teacher, where=where)

    # By which arguments need a gradient: a fixed teacher costs no gradient.
    steps = {
        (False, False): jax.jit(value),
        **{
            needs: jax.jit(jax.value_and_grad(value, [i for i in (0, 1) if needs[i]]))
            for needs in ((True, False), (False, True), (True, True))
        },
    }

    class Alignment(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, student: Any, teacher: Any, where: jax.Array) -> Any:
            needs = tuple(ctx.needs_input_grad[:2])
            result = steps[needs](as_array(student), as_array(teacher), where)
            scalar, gradients = result if any(needs) else (result, ())
            remaining = iter(gradients)
            ctx.gradients = [
                _to_torch(next(remaining), of) if need else None
                for need, of in zip(needs, (student, teacher), strict=True)
            ]
            return _to_torch(scalar, student)

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, upstream: Any) -> Any:
            return *(None if g is None else (upstream * g).to(g.dtype) for g in ctx.gradients), None

    def call(student: Any, teacher: Any, *, where: Any = None) -> Any:
        for name, rows in (("student", student), ("teacher", teacher)):
            if not isinstance(rows, torch.Tensor):
                raise InputTypeError(f"{name} must be a torch tensor; got {type(rows).__name__}: use the loss itself")
        keep = jnp.ones(len(student), bool) if where is None else as_array(where)
        return Alignment.apply(student, teacher, keep)

    return call


def _to_torch(array: jax.Array, of: Any) -> Any:
    """Convert a JAX array to a tensor in the dtype and on the device of another one."""
    import torch

    return torch.from_dlpack(array).to(device=of.device, dtype=of.dtype)
