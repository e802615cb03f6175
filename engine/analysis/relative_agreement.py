"""How far models agree sample by sample, in the common space of relative representations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..base import InputError
from .energy import mean_se


class RelativeAgreement(NamedTuple):
    """Mean cosine between the relative rows of two models.

    Args:
        models: names.
        cosine: [m, m] in [-1, 1], symmetric; the distance of two models is 1 minus it.
        se: [m, m], standard error over samples, or over their groups.
        chance: [m, m], mean cosine between rows of samples of different groups.
    """

    models: tuple[str, ...]
    cosine: np.ndarray
    se: np.ndarray
    chance: np.ndarray


def relative_agreement(relative: Mapping[str, Any], /, *, groups: Sequence[Any] | None = None) -> RelativeAgreement:
    """Compute the cosine between the relative rows of each sample in each pair of models.

    Args:
        relative: name -> [n, K], see `relative_representation`; row i is the same sample, column j the same anchor.
        groups: n labels of samples that are not independent.

    Cosines to anchors are often all positive, so that any two rows are similar: compare with ``chance``, which is exact
    over all pairs of different samples. A row without length has cosine 0 with all. Cost O(m^2 n K), memory O(m n K) in
    float64.
    Source: Li & Walsh (2025), arXiv 2512.05349.

    Raises:
        ValueError: shapes differ, fewer than two samples or groups, or rows that are not finite.

    Example:
        >>> z = np.random.default_rng(0).normal(size=(100, 8))
        >>> found = relative_agreement({"a": z, "b": 2 * z})
        >>> bool(np.allclose(found.cosine, 1)), bool(abs(found.chance).max() < 0.05)
        (True, True)
    """
    rows = {name: np.asarray(z, np.float64) for name, z in relative.items()}
    shapes = sorted({z.shape for z in rows.values()})
    if len(shapes) != 1 or len(shapes[0]) != 2:
        raise InputError(f"relative rows [n, K] of the same samples and anchors are needed; got shapes {shapes}")
    for name, z in rows.items():
        if not np.isfinite(z).all():
            raise InputError(f"{name}: relative rows contain NaN or infinite numbers: remove these samples")
    n, m = shapes[0][0], len(rows)
    labels = np.arange(n) if groups is None else np.unique(np.asarray(groups).astype(str), return_inverse=True)[1]
    if len(labels) != n or n == 0 or labels.max() < 1:
        raise InputError(f"{len(labels)} labels of {len(np.unique(labels))} groups for {n} samples: two are needed")
    sizes = np.bincount(labels)
    mismatched = float(n) ** 2 - float((sizes.astype(np.float64) ** 2).sum())
    units, sums = [], []
    for z in rows.values():
        length = np.sqrt((z * z).sum(1))
        units.append(z / np.where(length > 0, length, 1)[:, None])
        of_group = np.zeros((len(sizes), z.shape[1]))
        np.add.at(of_group, labels, units[-1])
        sums.append(of_group)
    cosine, chance, se = (np.empty((m, m)) for _ in range(3))
    for i in range(m):
        for j in range(i, m):
            each = np.clip((units[i] * units[j]).sum(1), -1, 1)
            between = sums[i].sum(0) @ sums[j].sum(0) - (sums[i] * sums[j]).sum()
            cosine[i, j] = cosine[j, i] = each.mean()
            chance[i, j] = chance[j, i] = between / mismatched
            se[i, j] = se[j, i] = mean_se(each, labels)
    return RelativeAgreement(tuple(rows), cosine, se, chance)
