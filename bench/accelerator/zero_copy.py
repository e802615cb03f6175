"""Whether a torch tensor becomes a JAX array in place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .by_hand import find_torch
from .rows import Job, Row

SHAPE, ALIGNMENT = (4096, 512), 64


def measure(job: Job) -> Iterator[Row]:
    """Yield whether the address of a tensor is that of the array.

    Raises:
        ArithmeticError: the addresses or the values differ.
    """
    device, reason = find_torch()
    if reason:
        yield Row("address of a torch tensor and of its array", skipped=reason)
        return
    from hyle.engine import as_array, copy_reason

    tensor = aligned(device)
    before = tensor.data_ptr()
    array = as_array(tensor)
    after = array.unsafe_buffer_pointer()
    about = {"reason": copy_reason(tensor), "tensor": str(tensor.device), "array": str(array.device)}
    yield Row(
        f"address of a torch tensor on {device} and of its array",
        "equal" if before == after else "not equal",
        facts=about,
    )
    if before != after:
        raise ArithmeticError(f"the tensor on {device} was copied: {about['reason'] or 'copy_reason gives no reason'}")
    if float(array[-1, -1]) != float(tensor[-1, -1]):
        raise ArithmeticError("the array does not have the values of the tensor")


def aligned(device: str) -> Any:
    """Return a tensor whose memory JAX can take; on a CPU it has to start at a multiple of 64 bytes."""
    import torch

    size = SHAPE[0] * SHAPE[1]
    buffer = torch.randn(size + ALIGNMENT, device=device)
    first = -buffer.data_ptr() % ALIGNMENT // buffer.element_size()
    return buffer[first : first + size].view(SHAPE)
