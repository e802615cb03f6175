"""Check that several processes compare the same representations in the same way."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from ..base import InputError, of_all
from ..context import MetricContext


def check_same_inputs(context: MetricContext, sample_hash: str, options: Any) -> None:
    """Raise in all processes if they differ: they would wait for each other for ever, or mix their results.

    Args:
        context: of the comparison, in each process.
        sample_hash: of its samples.
        options: whatever else it depends on, with a `repr` of its own.

    Raises:
        ValueError: names, samples, rows or options differ, or only some have a checkpoint.
    """
    digest = hashlib.sha256(repr((list(context.names), sample_hash, context.config, options)).encode())
    digest.update(repr(context.checkpoint is None).encode())
    for x in context.arrays:
        rows = np.ascontiguousarray(np.asarray(x))
        digest.update(repr(rows.shape).encode() + rows.reshape(-1).view(np.uint8).data)
    own = np.frombuffer(digest.digest(), np.uint8)
    if (of_all(own) != own).any():
        raise InputError(
            "the processes do not have the same representations and options: start the same command in all"
        )
