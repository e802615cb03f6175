"""How a process that runs models holds its memory."""

from __future__ import annotations

import ctypes
import platform

# Parameters of mallopt(3).
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
KEPT = 2**30


def keep_freed_memory() -> None:
    """Let the C library keep freed memory for the next array rather than hand each back to the system.

    A model on the CPU makes the same large arrays again for every batch, and the system clears every page of them
    anew, about a third of the time of SevenNet. For a process of hyle's own, never on import. Nothing is done where the
    C library is not glibc.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_MMAP_THRESHOLD, KEPT)
        libc.mallopt(_TRIM_THRESHOLD, KEPT)
