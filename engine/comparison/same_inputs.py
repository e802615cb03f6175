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
        ValueError: names, samples, options or one of a hundred rows differ.
    """
    rows = b"".join(np.ascontiguousarray(np.asarray(x[:: max(1, context.n // 100)])).tobytes() for x in context.arrays)
    widths = [x.shape[1] for x in context.arrays]
    facts = repr((list(context.names), sample_hash, widths, context.config, options)).encode()
    digest = np.frombuffer(hashlib.sha256(facts + rows).digest(), np.uint8)
    if (of_all(digest) != digest).any():
        raise InputError(
            "the processes do not have the same representations and options: start the same command in all"
        )
