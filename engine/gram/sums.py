"""Sums over kernel matrices, from which the HSIC of every pair follows."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from ..base import HIGHEST


class Sums(NamedTuple):
    """Sums over all rows of m kernel matrices, from which the HSIC of every pair follows, in JAX or NumPy.

    Args:
        products: [m, m], inner products of the matrices without their diagonals, each row minus its mean.
        means: [m, n], means of the rows without the diagonal.
        diagonals: [m, n].
    """

    products: Any
    means: Any
    diagonals: Any

    def traces(self) -> Any:
        """Compute the traces [m] of the doubly centred matrices."""
        n = self.means.shape[1]
        return self.diagonals.sum(1) - ((n - 1) * self.means + self.diagonals).sum(1) / n

    def hsic(self, *, debiased: bool) -> Any:
        """Compute the HSIC of every pair.

        Args:
            debiased: the unbiased U-statistic, else the biased V-statistic tr(K H L H) / n^2.

        Returns:
            [m, m].

        With u and v the row means, delta and epsilon their deviations from the mean over rows:
        n (n - 3) HSIC_u = <K - u, L - v> - n (n - 1) / (n - 2) <delta, epsilon>. The V-statistic adds the diagonal to
        kernels minus their grand mean, which leaves the result unchanged and keeps the terms small.
        """
        n = self.means.shape[1]
        grand = self.means.mean(1, keepdims=True)
        delta = self.means - grand
        if debiased:
            return (self.products - n * (n - 1) / (n - 2) * _inner(delta)) / (n * (n - 3))
        diagonals = self.diagonals - grand
        rows = (n - 1) * delta + diagonals
        total = rows.sum(1)
        products = self.products + (n - 1) * _inner(delta) + _inner(diagonals)
        return (products - 2 / n * _inner(rows) + total[:, None] * total[None, :] / n**2) / n**2


def _inner(rows: Any) -> Any:
    # `run_pass` sums in NumPy float64, whatever the precision of JAX.
    return rows @ rows.T if isinstance(rows, np.ndarray) else jnp.matmul(rows, rows.T, precision=HIGHEST)
