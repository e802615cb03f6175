"""Labels of some of the samples, in units in which they have mean 0 and spread 1."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np

from ..base import InputError


class Labels(NamedTuple):
    """Labels, standardised by those to train on.

    Args:
        values: [n], NaN where not known.
        own: rows to train on that have one.
        mean, scale: of these.
    """

    values: np.ndarray
    own: np.ndarray
    mean: float
    scale: float

    @classmethod
    def of(cls, labels: Any, own: np.ndarray) -> Labels | None:
        """Standardise labels [n] by those of the rows to train on; None for none.

        Raises:
            ValueError: fewer than two rows to train on have one.
        """
        if labels is None:
            return None
        values = np.asarray(labels, np.float64)
        known = own[np.isfinite(values[own])]
        if len(known) < 2:
            raise InputError(f"{len(known)} samples to train on have a label: 2 are needed at least")
        return cls(values, known, float(values[known].mean()), float(values[known].std() or 1))

    def batch(self, rng: np.random.Generator, size: int, inputs: Any) -> tuple[Any, np.ndarray]:
        """Draw the inputs and standardised labels of some rows to train on, at most ``size``."""
        chosen = rng.permutation(self.own)[:size]
        return rows_of(inputs, chosen), ((self.values[chosen] - self.mean) / self.scale).astype(np.float32)

    def restored(self, said: Any) -> np.ndarray:
        """Bring predictions back to the units of the labels."""
        return np.asarray(said, np.float64) * self.scale + self.mean

    def error(self, said: Any, rows: np.ndarray) -> float:
        """Mean absolute error where the label is known, in its units; NaN where it is nowhere."""
        missed = np.abs(self.restored(said) - self.values[rows])
        return float(missed[np.isfinite(missed)].mean()) if np.isfinite(missed).any() else float("nan")


def rows_of(tree: Any, rows: np.ndarray) -> Any:
    """Take rows of every array of a tree."""
    return jax.tree.map(lambda v: np.asarray(v)[rows], tree)
