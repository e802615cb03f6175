"""The door: a tensor of any framework becomes a JAX array, without a copy where the layout allows."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .errors import InputError, InputTypeError

# XLA on the CPU takes over a foreign buffer only at this alignment; others it copies without a word.
CPU_ALIGNMENT = 64


def as_array(tensor: Any, /, *, copy: bool | None = None) -> jax.Array:
    """Turn a tensor of NumPy, JAX, torch or any other DLPack framework into a JAX array.

    Args:
        tensor: array-like of any shape; torch tensors that require a gradient are detached.
        copy: ``None`` shares memory where it can and copies where it must; ``False`` raises instead of copying;
            ``True`` always copies.

    Returns:
        JAX array on the device of the tensor. Where it shares memory, an in-place change of the tensor shows in it.

    Raises:
        ValueError: ``copy=False`` and a copy is unavoidable; the message says why (see `copy_reason`).
        TypeError: not a tensor of numbers.

    Example:
        >>> import numpy as np
        >>> as_array(np.eye(2, dtype="float32")).dtype
        dtype('float32')
    """
    if isinstance(tensor, jax.Array):  # tracers too: inside jit and vmap there is nothing to convert
        return jnp.array(tensor, copy=True) if copy else tensor
    if _is_torch(tensor) and tensor.is_complex():
        raise InputTypeError(f"a representation is a tensor of real numbers; got dtype {tensor.dtype}")
    reason = copy_reason(tensor)
    if copy is False and reason is not None:
        raise InputError(f"no view of this tensor without a copy: {reason}")
    if reason is None and not copy:
        return jax.dlpack.from_dlpack(_detached(tensor))
    if _is_torch(tensor):
        compact = _detached(tensor).contiguous()
        if compact.device.type == "cpu" and compact.dtype.is_floating_point and compact.dtype.itemsize < 4:
            name = str(compact.dtype).removeprefix("torch.")  # NumPy knows no bfloat16, and float32 holds them all
            return jnp.array(compact.float().numpy()).astype(name)
        if compact.device.type == "cpu":
            return jnp.array(compact.numpy(), copy=True)
        return jnp.array(jax.dlpack.from_dlpack(compact), copy=True)
    array = np.asarray(tensor)
    if array.dtype.kind not in "biufV" or (array.dtype.kind == "V" and array.dtype.name != "bfloat16"):
        raise InputTypeError(f"a representation is a tensor of real numbers; got dtype {array.dtype}")
    if array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    return jnp.array(array.astype(array.dtype.newbyteorder("="), copy=False), copy=True)


def copy_reason(tensor: Any, /) -> str | None:
    """Say why `as_array` has to copy this tensor, or return None where it shares memory.

    Reasons: a layout that is not compact, a buffer that is not aligned to 64 bytes, float64 or int64 while
    ``jax_enable_x64`` is off, a device that JAX does not see here, or an object that does not speak DLPack.
    """
    if isinstance(tensor, jax.Array):
        return None
    if _is_torch(tensor):
        return _torch_reason(tensor)
    if not isinstance(tensor, np.ndarray):
        return None if hasattr(tensor, "__dlpack__") else f"{type(tensor).__name__} does not speak DLPack"
    if tensor.dtype.kind not in "biuf" or tensor.dtype.itemsize > 8 or not tensor.dtype.isnative:
        return f"NumPy does not hand over {tensor.dtype} by DLPack"
    if tensor.dtype.itemsize == 8 and not jax.config.read("jax_enable_x64"):
        return f"{tensor.dtype} becomes 32 bits wide while jax_enable_x64 is off"
    if not tensor.flags.c_contiguous:
        return "its layout is not compact (row-major without gaps)"
    if not tensor.flags.writeable:
        return "NumPy does not hand over a read-only array by DLPack"
    if jax.default_backend() != "cpu":
        return f"it lies on the CPU and JAX computes on {jax.default_backend()}"
    return _alignment_reason(tensor.ctypes.data)


def _torch_reason(tensor: Any) -> str | None:
    dtype = str(tensor.dtype).removeprefix("torch.")
    if tensor.dtype.itemsize == 8 and not jax.config.read("jax_enable_x64"):
        return f"{dtype} becomes 32 bits wide while jax_enable_x64 is off"
    if not tensor.is_contiguous():
        return "its layout is not compact (row-major without gaps)"
    kind = tensor.device.type
    platforms = {"cpu": "cpu", "cuda": "gpu"}
    if platforms.get(kind) != jax.default_backend():
        return f"it lies on {kind} and JAX computes on {jax.default_backend()}"
    return _alignment_reason(tensor.data_ptr()) if kind == "cpu" else None


def _alignment_reason(address: int) -> str | None:
    if address % CPU_ALIGNMENT:
        return f"its buffer is not aligned to {CPU_ALIGNMENT} bytes"
    return None


def _is_torch(tensor: Any) -> bool:
    # By name: a user without torch must not pay for it, and the engine never imports it.
    return any(cls.__module__.split(".")[0] == "torch" for cls in type(tensor).__mro__)


def _detached(tensor: Any) -> Any:
    return tensor.detach() if _is_torch(tensor) else tensor
