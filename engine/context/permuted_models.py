"""Which model of each pair is permuted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base import each_of


def models_by_place(names: Sequence[str], arrays: Sequence[Any], *, shared: bool) -> np.ndarray:
    """Order models by their places: of each pair, it is the model of the higher place that is permuted.

    That is the model in which more rows repeat another exactly, else the one whose name sorts second: values do not
    depend on the order in which the models are passed.

    Ties between equal rows are broken by the lowest index. Where the order of the samples tells something, as in a file
    sorted by composition, so does the table of a model with ties. If the other model is permuted, a score exceeds its
    null distribution by what the order tells; the permuted model has lost it.

    Args:
        names: m names.
        arrays: m matrices [n, d_m].
        shared: whether several processes divide the models among them.

    Returns:
        Int [m], the models in the order of their places. Cost O(m n d log n).
    """

    def repeats(model: int) -> int:
        rows = np.ascontiguousarray(np.asarray(arrays[model]))
        return len(rows) - len(np.unique(rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1])))))

    counts = each_of(repeats, len(names), shared=shared)
    return np.array(sorted(range(len(names)), key=lambda model: (counts[model], names[model])))
