"""Where in their depth models agree: every layer of every model against every other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base import InputError
from .families import FamilyTest, family_codes
from .family_pairs import mean_over_pairs


@dataclass(frozen=True)
class LayerAtlas:
    """The layers of m models, L in all, against each other.

    Args:
        models: names.
        model_of: [L], the model of each layer as an index.
        depth: [L], relative depth: 0 for the first layer of a model, 1 for the last; NaN for models with one layer.
        agreement: [L], score above chance of a layer with the best-matching layer of a model of another family: the
            mean over families; NaN without one.
        best_depth: [L], relative depth of that best-matching layer, the mean over the families whose models have
            several layers; NaN without one.
        emergence: [m, m], relative depth in model i at which its score above chance with the best-matching layer of
            model j first reaches half of its maximum over the layers of i; 0 if the first layer does, interpolated
            between layers. NaN within a family, for models with one layer, and for pairs that never exceed chance.
        by_model: [m], the mean of `emergence` over the other families.
        mean: mean over pairs of families with its 95 % interval by the delete-a-family jackknife, for six families and
            more.
        spread: lower and upper quartile of the pairs of families, without regard to families that they share.
    """

    models: tuple[str, ...]
    model_of: np.ndarray
    depth: np.ndarray
    agreement: np.ndarray
    best_depth: np.ndarray
    emergence: np.ndarray
    by_model: np.ndarray
    mean: FamilyTest
    spread: tuple[float, float]


def layer_atlas(
    excess: Any, models: Sequence[str], families: Sequence[str] | None = None, /, *, significant: Any = None
) -> LayerAtlas:
    """Find at which depth the agreement of models of different families arises.

    Layers of one family are not compared: siblings start from the same features. Each model is compared with the layer
    of the other that matches best, since relative depths of different architectures need not correspond. The maximum
    over layers favours no depth, but it is above chance even for models that share nothing: pass `significant`.

    Args:
        excess: [L, L], scores of pairs of layers above their chance level, where higher is more similar.
        models: L names, the model of each layer; the layers of a model are in the order of their depth.
        families: L names; a layer without a name, and by default each model, is a family of its own.
        significant: bool [L, L]; two models of which no pair of layers is significant do not count in `emergence`. By
            default all do.

    Raises:
        ValueError: shapes that do not fit, fewer than two families, or no model with several layers.
    """
    values = np.asarray(excess, np.float64)
    count = len(models)
    if values.shape != (count, count) or (families is not None and len(families) != count):
        raise InputError(f"scores [L, L], L models and L families are needed; got {values.shape} and {count} models")
    values = (values + values.T) / 2
    names = tuple(dict.fromkeys(models))
    model_of = np.array([names.index(model) for model in models])
    of_model = [np.flatnonzero(model_of == i) for i in range(len(names))]
    labels = [str(families[rows[0]]) if families is not None else "" for rows in of_model]
    codes = family_codes(labels, len(names))
    if len(np.unique(codes)) < 2:
        raise InputError("the layers are of one family: agreement is measured between families, and two are needed")
    if max(map(len, of_model)) < 2:
        raise InputError("no model has several layers: there is no depth to compare")
    depth = np.concatenate([np.linspace(0, 1, len(rows)) if len(rows) > 1 else [np.nan] for rows in of_model])
    at = np.empty(count)
    at[np.concatenate(of_model)] = depth
    m = len(names)
    best, place = np.full((count, m), np.nan), np.full((count, m), np.nan)
    for j, rows in enumerate(of_model):
        block = values[:, rows]
        known = np.isfinite(block).any(1) & (codes[model_of] != codes[j])
        filled = np.where(np.isfinite(block), block, -np.inf)
        best[known, j] = filled[known].max(1)
        place[known, j] = at[rows][filled[known].argmax(1)]
    emergence = np.full((m, m), np.nan)
    for i, rows in enumerate(of_model):
        for j in range(m):
            counts = significant is None or np.asarray(significant)[np.ix_(rows, of_model[j])].any()
            if len(rows) > 1 and codes[i] != codes[j] and counts:
                emergence[i, j] = half_depth(at[rows], best[rows, j])
    both = _mean(np.stack([emergence, emergence.T]), 0)
    pairs = _family_pairs(both, codes)
    spread = (float(np.quantile(pairs, 0.25)), float(np.quantile(pairs, 0.75))) if len(pairs) else (np.nan, np.nan)
    return LayerAtlas(
        names,
        model_of,
        at,
        _over_families(best, codes),
        _over_families(place, codes),
        emergence,
        _over_families(emergence, codes),
        mean_over_pairs(both, [str(code) for code in codes]),
        spread,
    )


def half_depth(depth: np.ndarray, curve: np.ndarray) -> float:
    """Return the depth at which a curve [l] first reaches half of its maximum, interpolated linearly.

    NaN if a value is missing or the maximum is not above 0.
    """
    if not np.isfinite(curve).all() or curve.max() <= 0:
        return float("nan")
    half = curve.max() / 2
    first = int(np.flatnonzero(curve >= half)[0])
    if first == 0:
        return float(depth[0])
    share = (half - curve[first - 1]) / (curve[first] - curve[first - 1])
    return float(depth[first - 1] + share * (depth[first] - depth[first - 1]))


def _mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Return the mean of the finite values along an axis; NaN where there are none."""
    finite = np.isfinite(values)
    total, number = np.where(finite, values, 0).sum(axis), finite.sum(axis)
    return np.asarray(np.where(number > 0, total / np.maximum(number, 1), np.nan))


def _over_families(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return the mean over families of the means over their models, of values [..., m]."""
    return _mean(np.stack([_mean(values[..., codes == code], -1) for code in np.unique(codes)], axis=-1), -1)


def _family_pairs(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return the finite means over the models of each pair of families."""
    unique = np.unique(codes)
    means = [
        _mean(values[np.ix_(codes == a, codes == b)].reshape(1, -1), 1)[0]
        for i, a in enumerate(unique)
        for b in unique[i + 1 :]
    ]
    return np.array([mean for mean in means if np.isfinite(mean)])
