"""Labels of some of the samples, standardised to mean 0 and standard deviation 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from ..base import InputError

# Smallest number of labelled validation samples to select parameters by.
MIN_SELECT = 8


def check_finite(what: str, values: Any, ids: Sequence[object] | None = None, *, missing: bool = False) -> None:
    """Check that numbers to train on are finite, before training starts.

    Args:
        what: name of the numbers, for the message.
        values: [n, ...], of any dtype; only floating ones can fail.
        ids: n names of the rows; default their numbers.
        missing: whether NaN is allowed and means "not known".

    Raises:
        ValueError: a row is not finite; names the first five.
    """
    array = np.asarray(values)
    if not np.issubdtype(array.dtype, np.inexact):
        return
    bad = np.isinf(array) if missing else ~np.isfinite(array)
    rows = np.flatnonzero(bad.reshape(len(array), -1).any(1))
    if len(rows):
        names = [str(row if ids is None else ids[row]) for row in rows[:5]]
        some = ", ".join(name if len(name) <= 60 else name[:59] + "…" for name in names)
        kind = "are infinite" if missing else "contain NaN or infinite numbers"
        more = ", ..." if len(rows) > 5 else ""
        wide = "; values beyond float32 count as infinite" if array.dtype == np.float32 else ""
        raise InputError(f"{what}: {len(rows)} of {len(array)} rows {kind}: {some}{more}; remove these samples{wide}")


def check_varies(what: str, values: np.ndarray, where: str) -> None:
    """Check that rows [n, ...] are not all identical up to rounding, so that there is something to learn from them.

    Args:
        what: name of the rows, for the message.
        values: the rows.
        where: which samples these are, for the message.

    Raises:
        ValueError: they are all identical.
    """
    rows = values.reshape(len(values), -1).astype(np.float64)
    error = 8 * np.finfo(values.dtype).eps * np.abs(rows).max(0, initial=0)
    if not (np.ptp(rows, axis=0) > error).any():
        raise InputError(f"{what}: the rows of all {len(rows)} {where} are identical: there is nothing to learn")


class Labels(NamedTuple):
    """Labels, standardised by those of the training rows.

    Args:
        values: [n], in their units; NaN where not known.
        train_idx: training rows that have a label.
        mean, scale: mean and standard deviation of the labels of these rows.
    """

    values: np.ndarray
    train_idx: np.ndarray
    mean: float
    scale: float

    @classmethod
    def of(cls, labels: Any, train_idx: np.ndarray, ids: Sequence[object] | None = None) -> Labels | None:
        """Build the labels from [n] values and the training rows; None for no labels.

        Raises:
            ValueError: a label is infinite, fewer than two training rows have a label, or all of these are identical.
        """
        if labels is None:
            return None
        values = np.asarray(labels, np.float64)
        check_finite("labels", values, ids, missing=True)
        labelled = train_idx[np.isfinite(values[train_idx])]
        if len(labelled) < 2:
            raise InputError(f"{len(labelled)} samples to train on have a label: at least 2 are needed")
        check_varies("labels", values[labelled], "labelled samples to train on")
        return cls(values, labelled, float(values[labelled].mean()), float(values[labelled].std()))

    def counts(self, val_idx: np.ndarray) -> tuple[int, int]:
        """Count the labels of the training rows, and of the validation rows."""
        return len(self.train_idx), int(np.isfinite(self.values[val_idx]).sum())

    def check_selects(self, rows: np.ndarray) -> None:
        """Check that enough validation rows have a label to select parameters by its error.

        Raises:
            ValueError: fewer than `MIN_SELECT` have one.
        """
        known = self.counts(rows)[1]
        if known < MIN_SELECT:
            raise InputError(
                f"{known} of {len(rows)} validation samples have a label, and {MIN_SELECT} are needed to select the "
                "parameters by its error: use select='alignment' or select='last', or give more labels"
            )

    def batch(self, rng: np.random.Generator, size: int, inputs: Any) -> tuple[Any, np.ndarray]:
        """Draw the inputs and the standardised labels of at most ``size`` labelled training rows."""
        rows = rng.permutation(self.train_idx)[:size]
        return rows_of(inputs, rows), ((self.values[rows] - self.mean) / self.scale).astype(np.float32)

    def restored(self, predicted: Any) -> np.ndarray:
        """Convert standardised predictions back to the units of the labels."""
        return np.asarray(predicted, np.float64) * self.scale + self.mean

    def error(self, predicted: Any, rows: np.ndarray) -> float:
        """Compute the mean absolute error of standardised predictions for some rows, in the units of the labels.

        Rows without a label are excluded; NaN where none has one.
        """
        errors = np.abs(self.restored(predicted) - self.values[rows])
        return float(errors[np.isfinite(errors)].mean()) if np.isfinite(errors).any() else float("nan")


def rows_of(tree: Any, rows: np.ndarray) -> Any:
    """Take the given rows of every array of a tree, as NumPy arrays."""
    return jax.tree.map(lambda v: np.asarray(v)[rows], tree)
