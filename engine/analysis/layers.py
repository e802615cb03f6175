"""Which layers of two models agree most, and whether that is more than the best of as many layers by chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from ..base import InputError
from ..comparison import calibrate
from ._matrix import alignment_of


@dataclass(frozen=True)
class BestLayers:
    """The most aligned layers of two models.

    Args:
        model: name before the ``@``.
        other: the other model's.
        layer: of the first, whole name.
        other_layer: of the second.
        pairs: of layers that were tried.
        value: the score of the best pair, as alignment.
        p: of the largest of all pairs, by the same permutations for all layers.
        calibrated: that score beyond the threshold of the largest by chance, 0 to 1.
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
    """Search the layers of every two models for the pair that agrees most, and test the search as a whole.

    The largest of many scores is large by chance; here the largest under each permutation is what it is held against
    (the max statistic), so that the p-value is that of the search and not of one pair.

    Args:
        comparison: of representations called ``MODEL@LAYER``, by `hyle.engine.compare` with ``permutations`` and
            ``keep_resamples=True``.
        metric: a pair metric of it.
        alpha: level of the threshold.

    Raises:
        ValueError: no such metric, or the Comparison keeps no draws.

    Source: Westfall & Young (1993), Resampling-Based Multiple Testing; Gröger et al. (2026), arXiv 2602.14486.
    """
    values = alignment_of(comparison, metric)
    if f"{metric}_null_samples" not in comparison:
        raise InputError(
            f"the comparison keeps no permutations of {metric}: compare(permutations=200, keep_resamples=True)"
        )
    draws = comparison[f"{metric}_null_samples"].transpose("permutation", "model", "other")
    attributes = comparison[metric].attrs
    null = np.stack(
        [alignment_of(comparison.assign({metric: draw.assign_attrs(attributes)}), metric) for draw in draws]
    )
    names = [str(name) for name in comparison["model"].values]
    models = list(dict.fromkeys(name.partition("@")[0] for name in names))
    rows = {model: [i for i, name in enumerate(names) if name.partition("@")[0] == model] for model in models}
    found = []
    for number, model in enumerate(models):
        for other in models[number + 1 :]:
            place = np.ix_(rows[model], rows[other])
            block = values[place]
            if not np.isfinite(block).any():
                continue
            at = np.unravel_index(np.nanargmax(block), block.shape)
            largest = np.nanmax(null[:, place[0], place[1]], axis=(1, 2))
            tested = calibrate(block[at], largest, alpha=alpha)
            layers = names[rows[model][at[0]]], names[rows[other][at[1]]]
            found.append(
                BestLayers(model, other, *layers, block.size, float(block[at]), float(tested.p), float(tested.score))
            )
    return found
