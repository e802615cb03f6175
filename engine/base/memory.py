"""How much memory one block of rows may take."""

from __future__ import annotations

import os

import jax

# Bytes, at most, of the Gram products that one block of rows leaves of all models until they are used.
BLOCK_BYTES = 2**27


# The same where there is an accelerator.
ACCELERATOR_BYTES = 2**32


def free_bytes() -> int:
    """Bytes that one block may take: an eighth of what is free, within bounds."""
    device = jax.devices()[0]
    if device.platform == "cpu":
        free = (
            os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if "SC_AVPHYS_PAGES" in os.sysconf_names else 0
        )
        return min(BLOCK_BYTES, free // 8) if free else BLOCK_BYTES
    memory = device.memory_stats() or {}
    free = memory.get("bytes_limit", 0) - memory.get("bytes_in_use", 0)
    return min(ACCELERATOR_BYTES, free // 8) if free > 0 else BLOCK_BYTES
