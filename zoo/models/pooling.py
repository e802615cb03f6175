"""Pooling of rows of atoms, tokens or residues to one row per sample."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..base import InputError


def pool(features: Any, counts: Sequence[int], pooling: str) -> Any:
    """Pool per-node rows into per-sample rows, on the device of the features.

    Args:
        features: floating torch tensor [sum(counts), d].
        counts: number of nodes of each sample, in order, each at least 1.
        pooling: ``mean``; ``sum``; or ``cumulants(m)``, the first m = 1..4 cumulants of each column, concatenated
            (mean, variance, third central moment, fourth cumulant), [n, m * d].

    Returns:
        Tensor [n, d] (or [n, m * d]), of the features' dtype.

    Raises:
        ValueError: unknown pooling, or counts that do not match the rows.
    """
    import torch

    features = torch.as_tensor(features)
    if sum(counts) != len(features) or min(counts, default=1) < 1:
        raise InputError(f"counts add up to {sum(counts)} for {len(features)} rows, or one is below 1")
    sizes = torch.as_tensor(list(counts), device=features.device)
    owner = torch.repeat_interleave(torch.arange(len(counts), device=features.device), sizes)

    def total(rows: Any) -> Any:
        # In float64, so that a float32 result does not depend on the order of the atoms.
        out = torch.zeros(len(counts), rows.shape[1], dtype=torch.float64, device=rows.device)
        return out.index_add_(0, owner, rows.double())

    if pooling == "sum":
        return total(features).to(features.dtype)
    mean = total(features) / sizes[:, None]
    if pooling == "mean":
        return mean.to(features.dtype)
    order = cumulant_order(pooling)
    if order is None:
        raise InputError(f"unknown pooling {pooling!r}: use mean, sum or cumulants(1..4)")
    parts = [mean]
    centred = features.double() - mean[owner]
    moments = {p: total(centred**p) / sizes[:, None] for p in range(2, order + 1)}
    if order >= 2:
        parts.append(moments[2])
    if order >= 3:
        parts.append(moments[3])
    if order >= 4:
        parts.append(moments[4] - 3 * moments[2] ** 2)
    return torch.cat(parts, 1).to(features.dtype)


def cumulant_order(pooling: str) -> int | None:
    """Return m of ``cumulants(m)`` with m = 1..4, or None for any other text."""
    match = re.fullmatch(r"cumulants\(([1-4])\)", pooling)
    return int(match[1]) if match else None
