"""The best-aligned layers of two models, tested against the best of as many pairs of layers by chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from ..base import InputError
from ..comparison import calibrate
from ._matrix import alignment_of, as_alignment


@dataclass(frozen=True)
class BestLayers:
    """The best-aligned layers of two models.

    Args:
        model: name of the first model, the part before the ``@``.
        other: name of the second model.
        layer: full name of the first model's layer.
        other_layer: full name of the second model's layer.
        pairs: number of pairs of layers tried.
        value: alignment of the best pair.
        p: of the maximum over all pairs, with the same permutations for all layers.
        calibrated: score of the best pair above the threshold of the maximum under chance, 0 to 1.
    """

    model: str
    other: str
    layer: str
    other_layer: str
    pairs: int
    value: float
    p: float
    calibrated: float


def best_layers(comparison: xr.Dataset, metric: str = "cka", /, *, alpha: float = 0.05) -> list[BestLayers]:
    """Find the best-aligned pair of layers of every two models, and test the search as a whole.

    The maximum of many scores is large by chance. It is therefore compared with the maximum under each permutation (the
    max statistic), so that the p-value is that of the search and not of one pair.

    Args:
        comparison: of representations named ``MODEL@LAYER``, from `hyle.engine.compare` with ``permutations`` and
            ``keep_resamples=True``.
        metric: name of a pair metric in it.
        alpha: level of the threshold.

    Raises:
        ValueError: no such metric, or the Comparison keeps no permutations.

    Source: Westfall & Young (1993), Resampling-Based Multiple Testing; Gröger et al. (2026), arXiv 2602.14486.
    """
    values = alignment_of(comparison, metric)
    if f"{metric}_null_samples" not in comparison:
        raise InputError(
            f"the comparison keeps no permutations of {metric}: use compare(permutations=200, keep_resamples=True)"
        )
    permuted_scores = comparison[f"{metric}_null_samples"].transpose("permutation", "model", "other")
    null = as_alignment(comparison, metric, permuted_scores.values)
    names = [str(name) for name in comparison["model"].values]
    models = list(dict.fromkeys(name.partition("@")[0] for name in names))
    rows = {model: [i for i, name in enumerate(names) if name.partition("@")[0] == model] for model in models}
    results = []
    for number, model in enumerate(models):
        for other in models[number + 1 :]:
            index = np.ix_(rows[model], rows[other])
            block = values[index]
            if not np.isfinite(block).any():
                continue
            best = np.unravel_index(np.nanargmax(block), block.shape)
            largest = np.nanmax(null[:, index[0], index[1]], axis=(1, 2))
            test = calibrate(block[best], largest, alpha=alpha)
            layers = names[rows[model][best[0]]], names[rows[other][best[1]]]
            results.append(
                BestLayers(model, other, *layers, block.size, float(block[best]), float(test.p), float(test.score))
            )
    return results
