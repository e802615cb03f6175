"""Alignment of a model in training with reference models, on a fixed set of samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..base import HIGHEST, InputError, check_k, matrix
from ..comparison import join
from ..dimension import dimension
from ..gram import centred, doubly_centred, others
from ..neighbours import neighbours

# One measurement: metric -> value, or for pair metrics metric -> name of the reference -> value.
Measurement = dict[str, Any]


class _References(NamedTuple):
    """Precomputed kernels and neighbours of m references.

    Args:
        kernels: [m, n, n], linear, U-centred, divided by the square root of their sum of squares.
        near: int32 [m, n, k], neighbours by cosine.
        known: bool [m], False where all rows are identical, so that neighbours are undefined.
    """

    kernels: jax.Array
    near: jax.Array
    known: jax.Array


class AlignmentMonitor:
    """Monitor of the alignment of a model in training with reference models, on a fixed set of samples.

    Kernels and neighbours of the references are computed once, in the constructor. `measure` and `at` are pure and work
    inside `jax.jit`, `jax.lax.scan` and `jax.vmap`; the n x n kernels of the references enter a jitted step as
    constants.

    Args:
        references: name -> tensor [n, d] of any framework, where row i is the same sample in each; or name -> an object
            with ``embedding`` and ``ids``, which are then joined by id.
        k: number of neighbours of the mutual k-NN, by cosine, 1 <= k <= n - 1.
        every: number of steps between two measurements.

    Attributes:
        names: of the references.
        ids: of the n samples, in the order in which the model must embed them: that of plain tensors, sorted where the
            references have ids.
        sample_hash: hash that identifies the samples.

    Memory m n (n + k) for m references; 256 to 1,000 samples are enough to see a trend.

    Raises:
        ValueError: fewer than four samples in common, rows that are not finite, ``k`` or ``every`` out of range.

    Example:
        >>> import numpy as np
        >>> teacher = np.random.default_rng(0).normal(size=(64, 8))
        >>> monitor = AlignmentMonitor({"teacher": teacher}, every=10)
        >>> values = jax.jit(monitor.measure)(3 * teacher + 1)
        >>> round(float(values["cka"]["teacher"]), 5), monitor.due(20), monitor.due(21)
        (1.0, True, False)
    """

    def __init__(self, references: Mapping[str, Any], /, *, k: int = 10, every: int = 100) -> None:
        if every < 1:
            raise InputError(f"every={every}: use 1, to measure at each step, or more")
        joined = join(references)
        self.names, self.ids, self.k, self.every = joined.names, joined.ids, k, every
        self.sample_hash = joined.sample_hash
        check_k(k, len(self.ids))
        tables = [neighbours(x, k, "cosine") for x in joined.arrays]
        kernels = [_kernel(x) for x in joined.arrays]
        dtype = jnp.result_type(*kernels)
        self._references = _References(
            jnp.stack([kernel.astype(dtype) for kernel in kernels]),
            jnp.stack([table.indices for table in tables]),
            jnp.stack([~jnp.isnan(table.value).any() for table in tables]),
        )

    @property
    def attributes(self) -> dict[str, Any]:
        """Attributes of the measurements for a `History`: n, k, every, hash of the samples, chance levels."""
        n = len(self.ids)
        return {
            "n": n,
            "k": self.k,
            "every": self.every,
            "sample_hash": self.sample_hash,
            "neighbour_metric": "cosine",
            "cka_chance": 0.0,
            "mutual_knn_chance": self.k / (n - 1),
        }

    def due(self, step: Any) -> Any:
        """Return whether to measure at a step, a number or a traced scalar: True at 0, ``every``, 2 ``every``, ..."""
        return step % self.every == 0

    def at(self, step: Any, embed: Callable[[], Any]) -> Measurement:
        """Measure inside a jitted step if it is due; otherwise `jax.lax.cond` skips both embedding and measurement.

        Args:
            step: int scalar, traced or not.
            embed: returns the rows [n, d] of the monitored samples; called during tracing.

        Returns:
            As `measure`; all NaN if the step is not due (`due` distinguishes this from a measurement of NaN).
        """
        shape = jax.eval_shape(lambda: self.measure(embed()))
        empty = jax.tree.map(lambda v: jnp.full(v.shape, jnp.nan, v.dtype), shape)
        return jax.lax.cond(self.due(jnp.asarray(step)), lambda: self.measure(embed()), lambda: empty)

    def measure(self, embedding: Any, /) -> Measurement:
        """Measure the alignment of an embedding with the references, and its collapse.

        Args:
            embedding: [n, d], any floating dtype, rows in the order of ``ids``; 16-bit input is computed in float32.

        Returns:
            Scalars by name:

            - ``cka``: reference -> debiased linear CKA with it, 0 by chance (`hyle.engine.cka`);
            - ``mutual_knn``: reference -> share of common neighbours, k / (n - 1) by chance (`hyle.engine.mutual_knn`);
            - ``intrinsic_dimension_twonn``: `hyle.engine.intrinsic_dimension` by TwoNN;
            - ``participation_ratio``: ``(sum l)^2 / sum l^2`` over the eigenvalues l of the covariance, the number of
              directions that carry the variance, from 1 to d; 0 where all rows are identical;
            - ``top_column_share``: share of the variance in the column with the largest: 1 / d where all columns have
              the same, 1 where only one varies or all rows are identical.

            All are NaN where rows are not finite; alignment and dimension also where all rows are identical.

        Raises:
            ValueError: the embedding is no matrix with n rows.

        Cost O(n^2 (d + m)), memory O(n^2). No gradients pass through: train with `hyle.engine.losses`.
        Source: participation ratio: Gao et al. (2017), bioRxiv 214262.
        """
        x = jax.lax.stop_gradient(matrix(embedding, "embedding"))
        n = len(self.ids)
        if len(x) != n:
            raise InputError(
                f"the references have {n} samples, and the embedding {len(x)} rows: embed all samples, ordered as ids"
            )
        cka, shared, values = _measured(self._references, x, self.k)
        pairs = {
            "cka": dict(zip(self.names, cka, strict=True)),
            "mutual_knn": dict(zip(self.names, shared, strict=True)),
        }
        return {**pairs, **values}


# References are an argument, so that outside of a jitted step all monitors of one shape share one compilation.
@partial(jax.jit, static_argnames="k")
def _measured(references: _References, x: jax.Array, k: int) -> tuple[jax.Array, jax.Array, Measurement]:
    n = len(x)
    points, _ = centred(x, jnp.ones(n, bool))
    gram = jnp.matmul(points, points.T, precision=HIGHEST)
    cka = jnp.einsum("mij,ij->m", references.kernels, _normalised(gram), precision=HIGHEST)
    table = neighbours(x, k, "cosine")
    near = jnp.zeros((n, n), bool).at[jnp.arange(n)[:, None], table.indices].set(True)
    shares = jax.vmap(lambda index: jnp.take_along_axis(near, index, 1).mean(dtype=x.dtype))(references.near)
    shared = jnp.where(references.known & ~jnp.isnan(table.value).any(), shares, jnp.nan)
    variance = (points * points).sum(0)
    total, square = variance.sum(), (gram * gram).sum()
    values = {
        "intrinsic_dimension_twonn": dimension(x, "twonn", 2).value,
        "participation_ratio": jnp.where(square > 0, total**2 / jnp.where(square > 0, square, 1), 0),
        "top_column_share": jnp.where(total > 0, variance.max() / jnp.where(total > 0, total, 1), 1),
    }
    finite = jnp.isfinite(x).all()
    return jax.tree.map(lambda value: jnp.where(finite, value, jnp.nan), (cka, shared, values))


def _kernel(x: jax.Array) -> jax.Array:
    points, _ = centred(x, jnp.ones(len(x), bool))
    return _normalised(jnp.matmul(points, points.T, precision=HIGHEST))


def _normalised(gram: jax.Array) -> jax.Array:
    """U-centre a kernel and scale it to unit Frobenius norm; NaN where the centred kernel is 0."""
    kernel = doubly_centred(gram, others(jnp.ones(len(gram), bool)), jnp.asarray(len(gram), gram.dtype), debiased=True)
    size = jnp.sqrt((kernel * kernel).sum())
    return jnp.where(size > 0, kernel / jnp.where(size > 0, size, 1), jnp.nan)


def flat(values: Mapping[str, Any]) -> dict[str, float]:
    """Flatten a measurement to names in the style of loggers: ``cka/teacher``, ``participation_ratio``."""
    result: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            result |= {f"{name}/{other}": float(np.asarray(v)) for other, v in value.items()}
        else:
            result[name] = float(np.asarray(value))
    return result
