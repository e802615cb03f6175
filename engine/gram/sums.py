"""Sums over kernel matrices, from which the HSIC of every pair follows."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..base import HIGHEST, namespace
from .kernels import Kernel, diagonal
from .prepared import Norms


class Sums(NamedTuple):
    """Sums over all rows of m kernel matrices, from which the HSIC of every pair follows, in JAX or NumPy.

    Args:
        products: [m, m], inner products of the matrices without their diagonals, each row minus its mean.
        means: [m, n], means of the rows without the diagonal.
        diagonals: [m, n].
        noise: [m], what rounding errors may add to the inner product of a doubly centred matrix with itself.
        debiased_noise: [m], to that of a U-centred matrix; infinite if that is 0 in exact arithmetic.
    """

    products: Any
    means: Any
    diagonals: Any
    noise: Any = 0
    debiased_noise: Any = 0

    @classmethod
    def of(cls, kernel: Kernel, norms: Norms, products: Any, means: Any, summed: Any = None) -> Sums:
        """Return sums with what follows from the norms.

        Args:
            kernel: whose matrices they are.
            norms: of the m representations, stacked.
            products: [m, m], see above.
            means: [m, n].
            summed: [m], the sums of squares in the dtype of the points from which ``products`` were computed; by
                default the products of each matrix with itself.
        """
        diagonals, own, n = diagonal(norms, kernel), products.diagonal(), means.shape[1]
        if isinstance(products, np.ndarray):
            diagonals, norms = np.asarray(diagonals, np.float64), jax.tree.map(np.asarray, norms)
        xp = namespace(own)
        noise = debiased_noise = entry_noise(kernel, norms, own + (n - 1) * (means**2).sum(1))
        if kernel == "linear":  # whose rows may have any means where nothing is left, of rows at right angles
            errors = [(products.dtype, own), (norms.squares.dtype, own if summed is None else summed)]
            debiased_noise = noise + xp.maximum(*(sum_error(n, dtype) * squares for dtype, squares in errors))
        return cls(products, means, diagonals, noise, xp.where(norms.one_apart, xp.inf, debiased_noise))

    def traces(self) -> Any:
        """Compute the traces [m] of the doubly centred matrices."""
        n = self.means.shape[1]
        return self.diagonals.sum(1) - ((n - 1) * self.means + self.diagonals).sum(1) / n

    def hsic(self, *, debiased: bool) -> Any:
        """Compute the HSIC of every pair.

        Args:
            debiased: the unbiased U-statistic, else the biased V-statistic tr(K H L H) / n^2.

        Returns:
            [m, m]; exactly 0 for a kernel with itself where it may be due to rounding errors alone.

        With u and v the row means, delta and epsilon their deviations from the mean over rows:
        n (n - 3) HSIC_u = <K - u, L - v> - n (n - 1) / (n - 2) <delta, epsilon>. The V-statistic adds the diagonal to
        kernels minus their grand mean, which leaves the result unchanged and keeps the terms small.
        """
        n = float(self.means.shape[1])  # its square is no 32-bit integer from 46,341 rows on
        grand = self.means.mean(1, keepdims=True)
        delta = self.means - grand
        if debiased:
            values = self.products - n * (n - 1) / (n - 2) * _inner(delta)
            return cleared(values, self.debiased_noise) / (n * (n - 3))
        diagonals = self.diagonals - grand
        rows = (n - 1) * delta + diagonals
        total = rows.sum(1)
        products = self.products + (n - 1) * _inner(delta) + _inner(diagonals)
        values = products - 2 / n * _inner(rows) + total[:, None] * total[None, :] / n**2
        return cleared(values, self.noise) / n**2


def cleared(values: Any, noise: Any) -> Any:
    """Set those inner products of matrices with themselves to 0 that are within rounding errors.

    Args:
        values: [m, m], inner products of all pairs.
        noise: [m], see `Sums`.

    Returns:
        [m, m]. Values that are not finite stay.
    """
    xp = namespace(values)
    lost = values.diagonal() <= noise
    return xp.where(xp.eye(len(values), dtype=bool) & lost[:, None], 0, values)


def sum_error(n: float, dtype: Any) -> float:
    """Bound the relative rounding error of a sum of squares over n rows that was computed in a dtype.

    NumPy and XLA add some terms one after the other, and then such sums. Of linear kernels of which nothing is left
    after centring, the error was at most n eps for up to 64 rows, and 160 eps for up to 200,000.
    """
    return float(3 * min(n, 64) * jnp.finfo(dtype).eps)


def entry_noise(kernel: Kernel, norms: Norms, squares: Any) -> Any:
    """Bound the squared norm of a centred kernel matrix of which nothing but the rounding errors of entries is left.

    Args:
        kernel: whose matrix it is.
        norms: of one representation, or of m, stacked.
        squares: sum of the squared entries off the diagonal, a scalar or [m].

    Returns:
        The bound, of the shape of ``squares``.

    Centring takes away all of a matrix whose entries off the diagonal are h_i + h_j, as where all distances are equal.
    Of the rounding errors it is a projection, which does not enlarge their sum of squares. With
    r = `Norms.gram_rtol`, eps times about the root of the number of columns, an inner product has an error of at most
    r |p_i| |p_j|, and a squared distance, here about |p_i|^2 + |p_j|^2, a relative one of r, of which its root has
    half. A Gaussian exp(-t) has a relative error of 4 eps + r t, where t is minus the logarithm of the root mean square
    of the entries: exactly if all are equal, and else at least the mean of t with the squared entries as weights.
    """
    xp, n = namespace(squares, norms.squares), float(norms.squares.shape[-1])
    if kernel == "linear":
        return (norms.gram_rtol * norms.squares.sum(-1)) ** 2
    error = norms.gram_rtol
    if kernel == "rbf":
        mean = xp.maximum(squares / (n * (n - 1)), jnp.finfo(norms.squares.dtype).tiny)
        error = 4 * jnp.finfo(norms.squares.dtype).eps - error * xp.log(mean) / 2
    return error**2 * squares


def _inner(rows: Any) -> Any:
    # `run_pass` sums in NumPy float64, whatever the precision of JAX.
    return rows @ rows.T if isinstance(rows, np.ndarray) else jnp.matmul(rows, rows.T, precision=HIGHEST)
