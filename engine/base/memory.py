"""Memory limit of one block of rows."""

from __future__ import annotations

import os

import jax

# Maximum bytes of the Gram products of one block of rows, of all models together.
BLOCK_BYTES = 2**27
# The same on an accelerator.
ACCELERATOR_BYTES = 2**32
# Fewest rows of a block, whatever they take: every block reads all points, which costs twice the products from 17 rows.
MIN_BLOCK = 64


def free_bytes() -> int:
    """Return the bytes that one block may take: an eighth of the free memory of the device.

    At most `BLOCK_BYTES`, or `ACCELERATOR_BYTES` on an accelerator; `BLOCK_BYTES` if the free memory is not known.
    """
    device = jax.local_devices()[0]
    if device.platform == "cpu":
        free = (
            os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if "SC_AVPHYS_PAGES" in os.sysconf_names else 0
        )
        return min(BLOCK_BYTES, free // 8) if free else BLOCK_BYTES
    memory = device.memory_stats() or {}
    free = memory.get("bytes_limit", 0) - memory.get("bytes_in_use", 0)
    return min(ACCELERATOR_BYTES, free // 8) if free > 0 else BLOCK_BYTES
