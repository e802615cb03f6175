"""Products that the median of the distances computes and the pass needs again."""

from __future__ import annotations

from collections.abc import Sequence

from ..base import BLOCK_BYTES
from ..gram import HalfProduct, Prepared

# Bytes that are kept between the median and the pass.
KEPT_PRODUCTS = BLOCK_BYTES // 2


def with_halves(representations: Sequence[Prepared]) -> list[Prepared]:
    """Keep one half of the inner products of the widest models, as many as `KEPT_PRODUCTS` hold, unless all are kept.

    Args:
        representations: m, of the same samples, NumPy arrays.
    """
    first = representations[0]
    if first.whole is not None:
        return list(representations)
    each = HalfProduct.entries(len(first.rows)) * first.rows.dtype.itemsize
    by_width = sorted(range(len(representations)), key=lambda model: -representations[model].rows.shape[1])
    widest = set(by_width[: KEPT_PRODUCTS // each])
    return [one.with_half() if model in widest else one for model, one in enumerate(representations)]
