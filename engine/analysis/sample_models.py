"""Agreement on samples of pairs of families, of each model with the others, and without each model."""

from __future__ import annotations

import itertools

import numpy as np


def pairs_of_families(
    pairs: np.ndarray, first: np.ndarray, second: np.ndarray, codes: np.ndarray, families: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean agreement of each pair of families, [q, n], and the two families of each, [q, 2]."""
    ends = np.array(list(itertools.combinations(range(families), 2)))
    of_pair = np.sort(np.stack([codes[first], codes[second]], 1), axis=1)
    means = [pairs[(of_pair == end).all(1)].mean(0, dtype=np.float64) for end in ends]
    return np.stack(means), ends


def mean_by_model(
    pairs: np.ndarray, first: np.ndarray, second: np.ndarray, codes: np.ndarray, families: int
) -> np.ndarray:
    """Return the mean over other families of the agreement of each model with their models, [m, n]."""
    weights = 1 / np.bincount(codes)
    means = np.zeros((len(codes), pairs.shape[1]))
    for a, b, values in zip(first, second, pairs, strict=True):
        if codes[a] != codes[b]:
            means[a] += weights[codes[b]] * values
            means[b] += weights[codes[a]] * values
    return means / (families - 1)


def who_leaves(
    pairs: np.ndarray, first: np.ndarray, second: np.ndarray, codes: np.ndarray, families: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the model without which the agreement on each sample rises most, and by how much, both [n].

    The mean of each pair over the samples is subtracted first: else a model that agrees less with all others would be
    the one on most samples.
    """
    n = pairs.shape[1]
    if families < 3:
        return np.full(n, -1), np.full(n, np.nan)
    by_model = mean_by_model(pairs - pairs.mean(1, keepdims=True), first, second, codes, families) * (families - 1)
    sizes = np.bincount(codes)
    of_family = np.stack([by_model[codes == f].mean(0) for f in range(families)])
    number = families * (families - 1) / 2
    panel = of_family.sum(0) / 2 / number
    without = np.empty_like(by_model)
    for a, f in enumerate(codes):
        if sizes[f] > 1:
            without[a] = panel + (of_family[f] - by_model[a]) / (sizes[f] - 1) / number
        else:
            without[a] = (panel * number - of_family[f]) / (number - families + 1)
    rise = without - panel
    leaves = rise.argmax(0)
    raises = rise[leaves, np.arange(n)]
    return np.where(raises > 0, leaves, -1), np.where(raises > 0, raises, np.nan)
