"""Memory limit of one block of rows."""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from .arrays import CPU_ALIGNMENT

# Maximum bytes of the Gram products of one block of rows, of all models together.
BLOCK_BYTES = 2**27
# The same on an accelerator.
ACCELERATOR_BYTES = 2**32
# Fewest rows of a block, whatever they take: every block reads all points, which costs twice the products from 17 rows.
MIN_BLOCK = 64


def free_bytes() -> int:
    """Return the bytes that one block may take: an eighth of the available memory of the device.

    At most `BLOCK_BYTES`, or `ACCELERATOR_BYTES` on an accelerator; `BLOCK_BYTES` if the available memory is not known.
    """
    device = jax.local_devices()[0]
    if device.platform == "cpu":
        free = available_bytes()
        return min(BLOCK_BYTES, free // 8) if free else BLOCK_BYTES
    memory = device.memory_stats() or {}
    free = memory.get("bytes_limit", 0) - memory.get("bytes_in_use", 0)
    return min(ACCELERATOR_BYTES, free // 8) if free > 0 else BLOCK_BYTES


def available_bytes(meminfo: Path = Path("/proc/meminfo")) -> int:
    """Return the bytes that processes may still take on this machine; 0 if not known.

    Args:
        meminfo: file of the Linux kernel. What files take in the page cache is available: on a machine that has run for
            a while this is most of the memory, and little of it is free.
    """
    with contextlib.suppress(OSError):  # another system, or not readable
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if "SC_AVPHYS_PAGES" in os.sysconf_names else 0


def aligned_empty(shape: int | Sequence[int], dtype: Any) -> np.ndarray:
    """Return a new array at an address where JAX on a CPU takes its memory, instead of a copy.

    Args:
        shape: of the array.
        dtype: whose size divides `CPU_ALIGNMENT`.
    """
    shape, dtype = (shape,) if isinstance(shape, int) else shape, np.dtype(dtype)
    count = math.prod(shape)
    buffer = np.empty(count + CPU_ALIGNMENT // dtype.itemsize, dtype)
    first = -buffer.ctypes.data % CPU_ALIGNMENT // dtype.itemsize
    return buffer[first : first + count].reshape(shape)


def release_memory() -> None:
    """Return to the system what was freed, which the C library of Linux keeps for each thread; a few milliseconds."""
    if _TRIM is not None:
        _TRIM(0)


_TRIM = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
