"""Memory settings of processes that run models."""

from __future__ import annotations

import ctypes
import platform

# Parameters of mallopt(3).
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
KEPT = 2**30  # bytes


def keep_freed_memory() -> None:
    """Set the C library to keep freed memory for later arrays instead of returning it to the operating system.

    A model on the CPU allocates the same large arrays for every batch, and the operating system clears all their pages
    each time, which takes about a third of the run time of SevenNet. This changes the whole process: call it in
    processes of hyle, never on import. It does nothing if the C library is not glibc.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_MMAP_THRESHOLD, KEPT)
        libc.mallopt(_TRIM_THRESHOLD, KEPT)
