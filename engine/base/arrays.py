"""Conversion of tensors of any framework to JAX arrays, without a copy where the layout allows."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .errors import InputError, InputTypeError

# XLA on the CPU uses a foreign buffer in place only at this alignment (in bytes); others it copies silently.
CPU_ALIGNMENT = 64


def as_array(tensor: Any, /, *, copy: bool | None = None) -> jax.Array:
    """Convert a tensor of NumPy, JAX, torch or any other DLPack framework to a JAX array.

    Args:
        tensor: array-like of any shape; torch tensors that require a gradient are detached.
        copy: ``None`` shares memory where possible and copies otherwise; ``False`` raises instead of copying;
            ``True`` always copies.

    Returns:
        JAX array on the device of the tensor. If memory is shared, in-place changes of the tensor are visible in it.

    Raises:
        ValueError: ``copy=False`` and a copy is unavoidable; the message gives the reason (see `copy_reason`).
        TypeError: the input is not a tensor of real numbers.

    Example:
        >>> import numpy as np
        >>> as_array(np.eye(2, dtype="float32")).dtype
        dtype('float32')
    """
    if isinstance(tensor, jax.Array):  # includes tracers: nothing to convert inside jit and vmap
        return jnp.array(tensor, copy=True) if copy else tensor
    if _is_torch(tensor) and tensor.is_complex():
        raise InputTypeError(f"a representation is a tensor of real numbers; got dtype {tensor.dtype}")
    reason = copy_reason(tensor)
    if copy is False and reason is not None:
        raise InputError(f"this tensor cannot be converted without a copy: {reason}")
    if reason is None and not copy:
        return jax.dlpack.from_dlpack(_detached(tensor))
    if _is_torch(tensor):
        compact = _detached(tensor).contiguous()
        if compact.device.type == "cpu" and compact.dtype.is_floating_point and compact.dtype.itemsize < 4:
            # NumPy has no bfloat16; float32 represents all smaller floating types exactly.
            name = str(compact.dtype).removeprefix("torch.")
            return jnp.array(compact.float().numpy()).astype(name)
        if compact.device.type == "cpu":
            return _copied(compact.numpy())
        return jnp.array(jax.dlpack.from_dlpack(compact), copy=True)
    array = np.asarray(tensor)
    if array.dtype.kind not in "biuf" and not _is_of_ml_dtypes(array.dtype):
        raise InputTypeError(f"a representation is a tensor of real numbers; got dtype {array.dtype}")
    if array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    return _copied(array.astype(array.dtype.newbyteorder("="), copy=False))


def _copied(array: np.ndarray) -> jax.Array:
    # Copied and cast by NumPy: in JAX both are programs that are compiled for every shape.
    return jax.device_put(np.array(array, jax.dtypes.canonicalize_dtype(array.dtype), order="C"))


def copy_reason(tensor: Any, /) -> str | None:
    """Return the reason why `as_array` has to copy this tensor, or None if it can share memory.

    Reasons: a layout that is not contiguous, a buffer that is not aligned to 64 bytes, float64 or int64 while
    ``jax_enable_x64`` is off, a device that JAX does not compute on, or an object that does not support DLPack.
    """
    if isinstance(tensor, jax.Array):
        return None
    if _is_torch(tensor):
        return _torch_reason(tensor)
    if not isinstance(tensor, np.ndarray):
        return None if hasattr(tensor, "__dlpack__") else f"{type(tensor).__name__} does not support DLPack"
    native = tensor.dtype.kind in "biuf" and tensor.dtype.isnative and not _is_of_ml_dtypes(tensor.dtype)
    if not native or tensor.dtype.itemsize > 8:
        return f"NumPy does not export {tensor.dtype} through DLPack"
    if tensor.dtype.itemsize == 8 and not jax.config.read("jax_enable_x64"):
        return f"{tensor.dtype} is reduced to 32 bits while jax_enable_x64 is off"
    if not tensor.flags.c_contiguous:
        return "its layout is not contiguous (row-major without gaps)"
    if not tensor.flags.writeable:
        return "NumPy does not export a read-only array through DLPack"
    if jax.default_backend() != "cpu":
        return f"it is on the CPU and JAX computes on {jax.default_backend()}"
    return _alignment_reason(tensor.ctypes.data)


def _torch_reason(tensor: Any) -> str | None:
    dtype = str(tensor.dtype).removeprefix("torch.")
    if tensor.dtype.itemsize == 8 and not jax.config.read("jax_enable_x64"):
        return f"{dtype} is reduced to 32 bits while jax_enable_x64 is off"
    if not tensor.is_contiguous():
        return "its layout is not contiguous (row-major without gaps)"
    kind = tensor.device.type
    platforms = {"cpu": "cpu", "cuda": "gpu"}
    if platforms.get(kind) != jax.default_backend():
        return f"it is on {kind} and JAX computes on {jax.default_backend()}"
    return _alignment_reason(tensor.data_ptr()) if kind == "cpu" else None


def _alignment_reason(address: int) -> str | None:
    if address % CPU_ALIGNMENT:
        return f"its buffer is not aligned to {CPU_ALIGNMENT} bytes"
    return None


def _is_torch(tensor: Any) -> bool:
    # Checked by module name, so that the engine never imports torch.
    return any(cls.__module__.split(".")[0] == "torch" for cls in type(tensor).__mro__)


def _is_of_ml_dtypes(dtype: np.dtype) -> bool:
    # Their kinds differ: bfloat16 and some 8-bit floats are "V", others "f".
    return dtype.name == "bfloat16" or dtype.name.startswith("float8")


def _detached(tensor: Any) -> Any:
    return tensor.detach() if _is_torch(tensor) else tensor
