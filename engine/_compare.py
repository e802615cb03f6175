"""All representations with all, every metric, as one labelled Comparison."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from ._join import Joined, join
from ._metric import Metric, Result, find_metric
from ._neighbours import NeighbourMetric, check_metric
from ._panel import MEDIANS, PASS, Panel
from ._residuals import residuals
from ._rows import check_k

# Up to so many rows, representations are brought to a few widths, for which everything is compiled.
PADDED_ROWS = 2048
DEFAULT_METRICS = ("cka", "cka_rbf", "mutual_knn", "cknna", "intrinsic_dimension")


def compare(
    representations: Mapping[str, Any],
    /,
    *,
    metrics: Sequence[str] = DEFAULT_METRICS,
    k: int = 25,
    dimension_k: int | None = None,
    rank_k: int = 1,
    neighbour_metric: NeighbourMetric = "cosine",
    seed: int = 0,
    centre: bool = False,
    covariates: Any = None,
    recall: float | None = None,
    block: int | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> xr.Dataset:
    """Compare representations of the same samples, all with all.

    Args:
        representations: name -> tensor [n, d] of any framework and floating dtype, or name -> an object with
            ``embedding`` [n, d] and ``ids``; rows are joined by id and sorted by it, plain tensors by position.
        metrics: names of metrics; `hyle.engine.list_metrics` has them all.
        k: neighbours of the pair metrics.
        dimension_k: neighbours of the intrinsic dimension; default 50, or a tenth of fewer than 500 samples, since
            a neighbourhood as large as the data has no dimension of its own.
        rank_k: neighbours whose ranks the information imbalance takes.
        neighbour_metric: ``cosine``, ``euclidean`` or ``inner_product``; CKNNA masks a similarity, and takes ``cosine``
            in place of ``euclidean``.
        centre: take off the column means before neighbours are sought, which moves cosines and inner products.
        covariates: what is to be regressed out of every representation first, held out (see `hyle.engine.residuals`):
            a tensor [n, c], or an object with ``embedding`` [n, c] and ``ids``, as the representations are.
        seed: of the permutations behind chance levels without a closed form.
        recall: find about this share of the neighbours, below 1, by `jax.lax.approx_max_k`, which is fast on a TPU and
            exact elsewhere; the share found on some rows is returned as ``neighbour_recall``. Default: find all.
        block: rows that are visited at once; default as many as 128 MiB hold of what they leave of all models.
        progress: called with (what goes on, the share of all work that is done, from 0 to 1).

    Returns:
        The Comparison, an `xarray.Dataset` over ``model`` and ``other``: for every metric a variable of its name, for
        pair metrics also ``<metric>_chance``; entry (a, b) has x = a and y = b. Besides: ``dim``, ``n_model`` (rows
        before the join), ``duplicates`` (exact repetitions of an earlier row), ``dead_columns`` (constant over the
        samples), ``top_column_share`` (of the variance).
        The recipe of each number stands in the attributes of its variable and of the data set.

    Raises:
        ValueError: fewer than four common samples, rows that are not finite, an unknown metric, k out of range.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(60, 8))
        >>> float(compare({"a": x, "b": x[:, :4]}, metrics=["mutual_knn"], k=5).mutual_knn.sel(model="a", other="a"))
        1.0
    """
    wanted = [find_metric(name) for name in dict.fromkeys([metrics] if isinstance(metrics, str) else metrics)]
    if not wanted:
        raise ValueError("no metric was asked for")
    check_metric(neighbour_metric)
    if recall is not None and not 0 < recall < 1:
        raise ValueError(f"recall={recall} must lie between 0 and 1, or be None to find all neighbours")
    joined, explained = _join(representations, covariates, seed)
    if centre:
        joined = replace(joined, arrays=[x - x.mean(0) for x in joined.arrays])
    n, widths = len(joined.ids), [int(x.shape[1]) for x in joined.arrays]
    joined = replace(joined, arrays=[_few_widths(x) for x in joined.arrays])
    needs = {need for metric in wanted for need in metric.needs}
    if "neighbours" in needs:
        check_k(k, n, least=2)
    dimension_k = min(50, max(5, n // 10), n - 1) if dimension_k is None else dimension_k
    if "dimension" in needs:
        check_k(dimension_k, n, least=2, name="dimension_k")
    if "ranks" in needs:
        check_k(rank_k, n, name="rank_k")
    say = _Stages(wanted, progress)
    panel = Panel(
        names=joined.names,
        arrays=joined.arrays,
        k=k,
        dimension_k=dimension_k,
        rank_k=rank_k,
        neighbour_metric=neighbour_metric,
        centre=centre,
        recall=recall,
        seed=seed,
        block=block,
        progress=say,
    )
    panel.gather(sorted(needs))
    variables: dict[str, Any] = {
        "dim": ("model", widths),
        "n_model": ("model", joined.rows_in),
        "duplicates": ("model", [int(n - kept.sum()) for kept in panel.unique()]),
        "dead_columns": ("model", [_dead_columns(x[:, :d]) for x, d in zip(joined.arrays, widths, strict=True)]),
        "top_column_share": ("model", [_top_column_share(x) for x in joined.arrays]),
        "input_dtype": ("model", joined.dtypes),
    }
    if panel.found() is not None:
        variables["neighbour_recall"] = ("model", panel.found())
    for metric in wanted:
        say(metric.long_name, 0, 1)
        variables |= _variables(metric, metric.evaluate(panel), n)
        say(metric.long_name, 1, 1)
    dtype = jnp.result_type(*joined.arrays)
    return xr.Dataset(
        variables,
        coords={"model": joined.names, "other": joined.names},
        attrs={
            "n": n,
            "sample_hash": joined.sample_hash,
            "dtype": str(dtype),
            "device": str(jax.devices()[0].device_kind),
            "seed": seed,
            "k": k,
            "dimension_k": dimension_k,
            "centre": int(centre),
            "covariates": explained,
            "hyle_version": _version(),
            "jax_version": jax.__version__,
        },
    )


def _join(representations: Mapping[str, Any], covariates: Any, seed: int) -> tuple[Joined, str]:
    """Join by id, and take out what covariates explain; say what that was."""
    if covariates is None:
        return join(representations), "none"
    if "covariates" in representations:
        raise ValueError("a representation is called 'covariates', as the covariates are: give it another name")
    joined = join({**representations, "covariates": covariates})
    *arrays, known = joined.arrays
    kept = Joined(
        joined.names[:-1],
        [residuals(x, known, seed=seed) for x in arrays],
        joined.ids,
        joined.rows_in[:-1],
        joined.dtypes[:-1],
    )
    return kept, f"{known.shape[1]} columns, residuals of cross-fitted ridge regressions"


def _few_widths(x: jax.Array) -> jax.Array:
    """Add columns of zeros, which change nothing, where compiling for one more width costs more than they do."""
    n, d = x.shape
    wide = max(64, 2 ** (d - 1).bit_length()) if d <= 512 else -(-d // 512) * 512
    return jnp.pad(x, ((0, 0), (0, wide - d))) if n <= PADDED_ROWS and wide > d else x


class _Stages:
    """Turns the progress of one stage after the other into the share of all work that is done."""

    def __init__(self, wanted: Sequence[Metric], progress: Callable[[str, float], None] | None) -> None:
        needs = {need for metric in wanted for need in metric.needs}
        # Rough shares of the time: the median needs half a Gram product, the pass two or three.
        self.weights = {MEDIANS: 1.0 * ("rbf" in needs), PASS: 4.0 * bool(needs)}
        self.weights |= {metric.long_name: 0.1 if metric.needs else 4.0 for metric in wanted}
        self.progress = progress

    def __call__(self, what: str, done: float, total: float) -> None:
        if self.progress is None:
            return
        before = 0.0
        for stage, weight in self.weights.items():
            if stage == what:
                before += weight * done / total
                break
            before += weight
        self.progress(what, min(1.0, before / sum(self.weights.values())))


def _variables(metric: Metric, result: Result, n: int) -> dict[str, Any]:
    dims: tuple[str, ...] = ("model", "other") if metric.kind == "pair" else ("model",)
    attributes = {
        "kind": metric.kind,
        "long_name": metric.long_name,
        "meaning": metric.meaning,
        "citation": metric.citation,
        "limits": list(metric.bounds),
        "symmetric": int(metric.symmetric),
        "higher_is_better": {True: "yes", False: "no", None: "neither"}[metric.higher_is_better],
        "chance": metric.chance,
        "n": n,
        **result.attributes,
    }
    found: dict[str, Any] = {metric.name: (dims, result.value, attributes)}
    if result.chance is not None:
        found[f"{metric.name}_chance"] = (dims, result.chance, {"kind": "chance", "of": metric.name})
    for suffix, values in result.extra.items():
        kind = "error" if suffix == "error" else "count"
        found[f"{metric.name}_{suffix}"] = ("model", values, {"kind": kind, "of": metric.name})
    return found


def _dead_columns(x: jax.Array) -> int:
    return int((x == x[0]).all(0).sum())  # not by the variance: the mean of a constant is rounded


def _top_column_share(x: jax.Array) -> float:
    spread = np.asarray(x).var(0, dtype=np.float64)
    return float(spread.max() / spread.sum()) if spread.sum() > 0 else 0.0


def _version() -> str:
    try:
        return importlib.metadata.version("hyle")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
