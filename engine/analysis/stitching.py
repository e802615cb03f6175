"""Zero-shot stitching: a head that was fitted to one model's relative rows, applied to those of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..comparison import jackknife_interval
from .held_out import HeldOut, held_out_errors

# Relative differences of sums of squares that are rounding errors.
ROUNDING = 1e-9


class HeldOutScore(NamedTuple):
    """Held-out R2, or a difference of two; arrays of one shape.

    Args:
        value: the estimate.
        low: lower end of its 95 % interval, by the jackknife over groups of samples.
        high: upper end.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Stitching(NamedTuple):
    """Scores of heads on held-out groups; rows are the model that a head was fitted to, columns where it is applied.

    Args:
        models: m names.
        r2: [m, m], share of the variance explained; the diagonal is the native head, without stitching.
        mae: [m, m], mean absolute error in the units of the label.
        loss: [m, m], R2 of the native head of the column minus that of the stitched one; 0 on the diagonal.
        p: [m, m], p-value of R2 under permutations of the second model's anchors: does it matter which anchor is which?
        beyond: [m, m], R2 minus that of the composition; NaN without composition.
        own: [m], R2 of heads fitted to the models' own rows; [0] without these.
        own_mae: [m] or [0].
        composition: [], R2 of a head fitted to the composition; NaN without it.
        composition_mae: its mean absolute error; NaN without it.
        baseline_mae: mean absolute error of the median of the training labels.
        n: number of samples with a label.
        groups: number of their groups.
        folds: number of folds.
    """

    models: tuple[str, ...]
    r2: HeldOutScore
    mae: np.ndarray
    loss: HeldOutScore
    p: np.ndarray
    beyond: HeldOutScore
    own: HeldOutScore
    own_mae: np.ndarray
    composition: HeldOutScore
    composition_mae: float
    baseline_mae: float
    n: int
    groups: int
    folds: int


def stitching(
    relative: Mapping[str, Any],
    label: Any,
    /,
    *,
    own: Mapping[str, Any] | None = None,
    composition: Any = None,
    groups: Sequence[Any] | None = None,
    penalty: float | None = 0.1,
    standardise: bool = False,
    folds: int = 5,
    permutations: int = 99,
    seed: int = 0,
) -> Stitching:
    """Fit a ridge head to each model's relative rows and apply it, unchanged, to the relative rows of all models.

    Groups are divided into folds. Heads are fitted to the samples of the other folds, and predict the samples of the
    fold. So every sample is predicted once by each head in each model, and never by a head that has seen its group.

    Args:
        relative: name -> [n, K], see `relative_representation`; row i is the same sample, column j the same anchor.
        label: [n]; samples without a finite label are excluded.
        own: name -> [n, d_m], the rows themselves, for heads that need no stitching.
        composition: [n, e], such as numbers and fractions of atoms of each element: the control.
        groups: n labels of samples that are not independent; each sample its own by default.
        penalty: of the heads on relative rows, as a share of the total variance of their columns. None chooses penalty
            and scaling of the columns by leave-one-out errors of the training samples, as for own rows and composition:
            the best for the model itself, but it uses directions of little variance, in which another model differs.
        standardise: subtract the mean of each column, over the training samples of the model that it belongs to, and
            divide by the deviation. This uses no labels, but samples of the second model, which zero-shot stitching
            proper does not see.
        folds: number of folds, at least 5.
        permutations: of the anchors, for ``p``; 0 for none.
        seed: of folds and permutations.

    R2 is 1 minus the ratio of the summed squared errors to those of the mean of the training labels. It is negative
    where a head does worse than this mean, and has no lower bound. Intervals are those of the variation between sets of
    groups for heads as they were fitted, without that of the training samples: the head of an unrelated model is right
    by luck now and then, which ``p`` accounts for.
    Cost: folds x (2 m + 1) fits of ridge regressions, O(n d min(n, d)) each, and O(permutations m^2 n K).
    Source: Moschella et al. (2023), arXiv 2209.15430; Li & Walsh (2025), arXiv 2512.05349, for potentials.

    Raises:
        ValueError: shapes differ, rows that are not finite, fewer than 40 samples with a label, fewer groups than
            folds, a label that is the same for all samples, or a penalty that is not above 0.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> z = rng.normal(size=(200, 6))
        >>> found = stitching({"a": z, "b": z.copy()}, z @ rng.normal(size=6), penalty=1e-3)
        >>> bool(found.r2.value.min() > 0.99)
        True
    """
    errors = held_out_errors(
        relative,
        label,
        own or {},
        composition,
        groups,
        penalty=penalty,
        standardise=standardise,
        folds=folds,
        permutations=permutations,
        seed=seed,
    )
    # Sums in another order differ by rounding: with one anchor, the only permutation is no other one.
    nearer = (errors.permuted <= (errors.stitched**2).sum(-1) * (1 + ROUNDING)).sum(0)
    native = np.einsum("iin->in", errors.stitched)
    control = errors.composition
    return Stitching(
        tuple(relative),
        _score(errors, errors.stitched),
        np.abs(errors.stitched).mean(-1),
        _score(errors, np.broadcast_to(native, errors.stitched.shape), errors.stitched),
        (1 + nearer) / (1 + permutations) if permutations else np.full(nearer.shape, np.nan),
        _score(errors, errors.stitched, np.broadcast_to(control, errors.stitched.shape)),
        _score(errors, errors.own),
        np.abs(errors.own).mean(-1),
        _score(errors, control),
        float(np.abs(control).mean()),
        float(np.abs(errors.median).mean()),
        errors.stitched.shape[-1],
        errors.groups,
        folds,
    )


def _score(errors: HeldOut, first: np.ndarray, second: np.ndarray | None = None) -> HeldOutScore:
    """Return the R2 of errors [..., n], or that of the first minus that of the second, with intervals."""
    total = errors.mean**2
    square = first**2 if second is None else first**2 - second**2
    kept = [np.setdiff1d(np.arange(len(total)), part) for part in errors.parts]
    offset = 1.0 if second is None else 0.0
    value = offset - square.sum(-1) / total.sum()
    without = np.stack([offset - square[..., rows].sum(-1) / total[rows].sum() for rows in kept])
    _, low, high = jackknife_interval(value, without, sizes=[len(part) for part in errors.parts])
    return HeldOutScore(np.asarray(value), np.asarray(low), np.asarray(high))
