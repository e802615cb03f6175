"""Intrinsic dimension of one representation."""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from .._duplicates import first_occurrence
from .._metric import Metric, Result
from .._neighbours import Neighbours, neighbours
from .._panel import Panel
from .._rows import check_k, matrix


def intrinsic_dimension(x: Any, /, *, estimator: Literal["mle", "twonn"] = "mle", k: int = 50) -> jax.Array:
    """Estimate how many coordinates the rows locally need, from how fast Euclidean balls fill up.

    Args:
        x: [n, d], any floating dtype, from NumPy, JAX or torch. Exact repetitions of an earlier row are left out, which
            `n_used` counts.
        estimator: ``mle``, Levina & Bickel's maximum likelihood over k neighbours, the rows combined by the harmonic
            mean: 1 / d = mean_i mean_{j < k} ln(T_k / T_j), T_j the distance to the j-th neighbour; or ``twonn``,
            the slope through the origin of -ln(1 - F) over ln(r2 / r1), the largest tenth of the ratios left out.
        k: neighbours of the mle, 2 <= k <= n - 1; twonn looks at two.

    Returns:
        Scalar > 0. Scale and rotation do not matter. Both underestimate beyond about 15 dimensions (20-d Gaussian,
        n = 2000: twonn 16.8). NaN where an input is not finite or fewer than k + 1 distinct rows are left.

    Cost O(n^2 d), memory O(b n + n k) for blocks of b rows.
    Source: Levina & Bickel (2004) with MacKay & Ghahramani (2005); Facco et al. (2017), Sci. Rep. 7, 12140.

    Example:
        >>> import numpy as np
        >>> plane = np.random.default_rng(0).normal(size=(500, 2)) @ np.ones((2, 9))
        >>> round(float(intrinsic_dimension(plane, k=20)))
        1
    """
    if estimator not in ("mle", "twonn"):
        raise ValueError(f"unknown estimator {estimator!r}: use 'mle' or 'twonn'")
    a = matrix(x)
    k = k if estimator == "mle" else 2
    if len(a) < 4:
        raise ValueError(f"at least 4 samples are needed; got {len(a)}")
    check_k(k, len(a), least=2)
    kept = first_occurrence(a)
    value = (_mle if estimator == "mle" else _twonn)(neighbours(a, k, "euclidean", kept), kept)
    return jnp.where(jnp.isfinite(a).all(), value, jnp.nan)


@jax.jit
def _mle(table: Neighbours, kept: jax.Array) -> jax.Array:
    far = table.value
    logs = jnp.log(far[:, -1:] / far[:, :-1]).mean(1)
    return jnp.where(kept.sum() > far.shape[1], kept.sum() / jnp.where(kept, logs, 0).sum(), jnp.nan)


@jax.jit
def _twonn(table: Neighbours, kept: jax.Array) -> jax.Array:
    n = kept.sum()
    ratio = jnp.where(kept, jnp.log(table.value[:, 1] / table.value[:, 0]), jnp.inf)
    ratio = jnp.sort(ratio)
    rank = jnp.arange(1, len(ratio) + 1)
    used = rank <= n * 9 // 10
    survival = -jnp.log1p(-jnp.where(used, rank / n, 0))
    ratio = jnp.where(used, ratio, 0)
    return jnp.where(n > 2, (ratio * survival).sum() / (ratio * ratio).sum(), jnp.nan)


def _evaluate(panel: Panel, estimator: Literal["mle", "twonn"]) -> Result:
    k = panel.dimension_k if estimator == "mle" else 2
    tables = panel.tables(k, "euclidean", unique=True)
    reduce = _mle if estimator == "mle" else _twonn
    value = np.array([float(reduce(table, kept)) for table, kept in zip(tables, panel.unique(), strict=True)])
    used = np.array([int(kept.sum()) for kept in panel.unique()])
    words = {
        "mle": "Levina-Bickel maximum likelihood, harmonic mean",
        "twonn": "TwoNN, fit through the origin, largest tenth of the ratios left out",
    }
    attributes = {"estimator": words[estimator], "k": k, "neighbour_metric": "euclidean"}
    return Result(value, None, attributes, {"n_used": used})


def _facts(name: str, estimator: Literal["mle", "twonn"], long_name: str, citation: str) -> Metric:
    return Metric(
        name=name,
        long_name=long_name,
        kind="single",
        evaluate=lambda panel: _evaluate(panel, estimator),
        needs=("dimension",),
        symmetric=True,
        bounds=(0.0, float("inf")),
        higher_is_better=None,
        chance="none; compare with the random control",
        meaning="How many independent directions does the representation use around a sample?",
        citation=citation,
    )


METRICS = (
    _facts(
        "intrinsic_dimension",
        "mle",
        "intrinsic dimension (MLE)",
        "Levina & Bickel 2004; MacKay & Ghahramani 2005",
    ),
    _facts(
        "intrinsic_dimension_twonn",
        "twonn",
        "intrinsic dimension (TwoNN)",
        "Facco et al. 2017, doi:10.1038/s41598-017-11873-y",
    ),
)
