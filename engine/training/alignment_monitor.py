"""How a model in training is aligned with a panel of references, on a fixed set of samples."""

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

# One measurement: metric -> value, of pair metrics metric -> name in the panel -> value.
Measurement = dict[str, Any]


class _References(NamedTuple):
    """What of m references is computed once.

    Args:
        kernels: [m, n, n], linear, U-centred, divided by the root of their sum of squares.
        near: int32 [m, n, k], neighbours by cosine.
        known: bool [m], False where all rows are alike, so that nobody is nearer than another.
    """

    kernels: jax.Array
    near: jax.Array
    known: jax.Array


class AlignmentMonitor:
    """Measures a model in training against a reference panel, every so many steps, on a fixed probe set.

    What belongs to the panel is computed once, here. `measure` and `at` are pure and work inside `jax.jit`,
    `jax.lax.scan` and `jax.vmap`; the panel's n x n kernels enter a jitted step as constants.

    Args:
        panel: name -> tensor [n, d] of any framework, row i being the same sample in each, or name -> an object with
            ``embedding`` and ``ids``, which are then joined by id.
        k: neighbours of the mutual k-NN, by cosine, 1 <= k <= n - 1.
        every: steps between two measurements.

    Attributes:
        names: of the panel.
        ids: of the n samples, in the order in which the model is to embed them: that of plain tensors, sorted where
            the panel has ids.

    Memory m n (n + k) for m references; 256 to 1,000 samples are enough to see a trend.

    Raises:
        ValueError: fewer than four samples in common, rows that are not finite, ``k`` or ``every`` out of range.

    Example:
        >>> import numpy as np
        >>> teacher = np.random.default_rng(0).normal(size=(64, 8))
        >>> probe = AlignmentProbe({"teacher": teacher}, every=10)
        >>> found = jax.jit(probe.measure)(3 * teacher + 1)
        >>> round(float(found["cka"]["teacher"]), 5), probe.due(20), probe.due(21)
        (1.0, True, False)
    """

    def __init__(self, panel: Mapping[str, Any], /, *, k: int = 10, every: int = 100) -> None:
        if every < 1:
            raise InputError(f"every={every}: use 1 for each step, or more")
        joined = join(panel)
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
        """What the numbers must carry, for a `History`: n, k, every, the panel's hash of samples, chance levels."""
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
        """Say whether a step, a number or a traced scalar, is one to measure at: 0, ``every``, 2 ``every``, ..."""
        return step % self.every == 0

    def at(self, step: Any, embed: Callable[[], Any]) -> Measurement:
        """Measure inside a jitted step where it is due, by `jax.lax.cond`: else neither embeds nor measures.

        Args:
            step: int scalar, traced or not.
            embed: gives the rows [n, d] of the probe set; called while tracing.

        Returns:
            As `measure`; NaN everywhere where the step is not due (`due` tells the two apart).
        """
        shape = jax.eval_shape(lambda: self.measure(embed()))
        empty = jax.tree.map(lambda v: jnp.full(v.shape, jnp.nan, v.dtype), shape)
        return jax.lax.cond(self.due(jnp.asarray(step)), lambda: self.measure(embed()), lambda: empty)

    def measure(self, embedding: Any, /) -> Measurement:
        """Measure rows of the probe set.

        Args:
            embedding: [n, d], any floating dtype, rows in the order of ``ids``; 16 bits are computed in float32.

        Returns:
            Scalars by name:

            - ``cka``: name -> debiased linear CKA with it, 0 by chance (`hyle.engine.cka`);
            - ``mutual_knn``: name -> share of common neighbours, k / (n - 1) by chance (`hyle.engine.mutual_knn`);
            - ``intrinsic_dimension_twonn``: `hyle.engine.intrinsic_dimension`, TwoNN;
            - ``participation_ratio``: ``(sum l)^2 / sum l^2`` over the eigenvalues l of the covariance, how many
              directions carry the variance, from 1 to d, 0 where all rows are alike;
            - ``top_column_share``: share of the variance that the largest column has, 1 / d where all have the same,
              1 where one is left, or where all rows are alike.

            NaN where rows are not finite, and alignment and dimension where all rows are alike.

        Cost O(n^2 (d + m)), memory O(n^2). Gradients are of no use here: train with `hyle.engine.losses`.
        Source: participation ratio: Gao et al. (2017), bioRxiv 214262.
        """
        x = jax.lax.stop_gradient(matrix(embedding, "embedding"))
        n = len(self.ids)
        if len(x) != n:
            raise InputError(
                f"the probe set has {n} samples, and the embedding {len(x)} rows: embed them all, in order"
            )
        cka, shared, values = _measured(self._references, x, self.k)
        pairs = {
            "cka": dict(zip(self.names, cka, strict=True)),
            "mutual_knn": dict(zip(self.names, shared, strict=True)),
        }
        return {**pairs, **values}


# The panel comes as an argument, so that beside a step all probes of one shape are compiled once.
@partial(jax.jit, static_argnames="k")
def _measured(panel: _References, x: jax.Array, k: int) -> tuple[jax.Array, jax.Array, Measurement]:
    n = len(x)
    points, _ = centred(x, jnp.ones(n, bool))
    gram = jnp.matmul(points, points.T, precision=HIGHEST)
    cka = jnp.einsum("mij,ij->m", panel.kernels, _normalised(gram), precision=HIGHEST)
    table = neighbours(x, k, "cosine")
    near = jnp.zeros((n, n), bool).at[jnp.arange(n)[:, None], table.indices].set(True)
    found = jax.vmap(lambda index: jnp.take_along_axis(near, index, 1).mean(dtype=x.dtype))(panel.near)
    shared = jnp.where(panel.known & ~jnp.isnan(table.value).any(), found, jnp.nan)
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
    """U-centre a kernel and scale it to unit size; NaN where there is nothing left of it."""
    kernel = doubly_centred(gram, others(jnp.ones(len(gram), bool)), jnp.asarray(len(gram), gram.dtype), debiased=True)
    size = jnp.sqrt((kernel * kernel).sum())
    return jnp.where(size > 0, kernel / jnp.where(size > 0, size, 1), jnp.nan)


def flat(values: Mapping[str, Any]) -> dict[str, float]:
    """Name every scalar of a measurement as loggers do: ``cka/teacher``, ``participation_ratio``."""
    found: dict[str, float] = {}
    for name, value in values.items():
        each = value if isinstance(value, Mapping) else None
        parts = {name: value} if each is None else {f"{name}/{other}": v for other, v in each.items()}
        found |= {key: float(np.asarray(v)) for key, v in parts.items()}
    return found
