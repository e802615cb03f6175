"""All representations with all, every metric, as one labelled Comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from ..base import InputError, Threads, check_k, renamed_arguments, version
from ..context import NULL, VALUES, MetricContext
from ..metrics import find_metric
from ..neighbours import NeighbourMetric, check_metric
from ..permutation import draw
from ..preprocess import orthonormal_basis, regress_out, representation_diagnostics
from .calibration import null_of
from .groups import labels_of
from .jackknife import delete_group_jackknife, draw_jackknife_groups
from .join import Joined, join
from .progress import PARTS, ProgressTracker
from .schema import _calibrated, _spread, _variables

# Up to so many rows, representations are brought to a few widths, for which everything is compiled.
MAX_ROWS_PADDED = 2048
DEFAULT_METRICS = ("cka", "cka_rbf", "mutual_knn", "cknna", "intrinsic_dimension")


@renamed_arguments(intervals="jackknife_groups", draws="keep_resamples")
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
    permutations: int = 0,
    groups: Mapping[str, Any] | Sequence[Any] | None = None,
    alpha: float = 0.05,
    jackknife_groups: int = 0,
    keep_resamples: bool = False,
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
        covariates: what is to be regressed out of every representation first (see `hyle.engine.blus_residuals`): a
            tensor [n, c], or an object with ``embedding`` [n, c] and ``ids``, as the representations are. As many
            samples are given up as the covariates have independent columns, and one.
        seed: of the permutations.
        recall: find about this share of the neighbours, below 1, by `jax.lax.approx_max_k`, which is fast on a TPU and
            exact elsewhere; the share found on some rows is returned as ``neighbour_recall``. Default: find all.
        block: rows that are visited at once; default as many as an eighth of the free memory holds of what they leave
            of all models, on a CPU 128 MiB at most.
        permutations: of the samples of one side, for each pair, under which its scores are taken again; 0 for none, 200
            are usual. Without groups no more than n - 1 are drawn.
        groups: sample id -> label, or for plain tensors n labels: samples change places within their group only, as
            they must where those of a group (one composition, one trajectory, one protein family) are alike, and
            groups are left out whole.
        alpha: level of the thresholds behind calibrated scores.
        jackknife_groups: parts of the samples that are left out in turn for standard errors and intervals; 0 for none,
            20 are usual, each of which takes about as long as the comparison itself.
        keep_resamples: keep the scores of all permutations as ``<metric>_null_samples`` over (``permutation``,
            ``model``, ``other``),
            and those without each part as ``<metric>_jackknife_values`` over ``jackknife_group`` and the metric's own,
            which `hyle.engine.analysis.best_layers` and `hyle.engine.analysis.place` need.
        progress: called with (what goes on, the share of all work that is done, from 0 to 1).

    Returns:
        The Comparison, an `xarray.Dataset` over ``model`` and ``other``: for every metric a variable of its name, for
        pair metrics also ``<metric>_chance``; entry (a, b) has x = a and y = b. Besides: ``dim``, ``n_model`` (rows
        before the join), ``duplicates`` (exact repetitions of an earlier row), ``dead_columns`` (constant over the
        samples), ``top_column_share`` (of the variance), ``effective_rank`` (directions that it is spread over),
        ``norm_outliers`` (rows, see `hyle.engine.norm_outliers`).
        With permutations every pair metric also has ``<metric>_null``, the mean over them, ``_p``, ``_q`` (p adjusted
        for the number of pairs, Benjamini-Hochberg), ``_threshold`` and ``_calibrated``, see `hyle.engine.calibrate`.
        With covariates ``<metric>_raw`` is what the same samples give before these are taken out.
        With intervals every metric has ``_se``, ``_low`` and ``_high``, the ends of a 95 % interval by the jackknife.
        The recipe of each number stands in the attributes of its variable and of the data set.

    Raises:
        ValueError: fewer than four common samples, rows that are not finite, an unknown metric, k out of range, a
            sample without a group.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(60, 8))
        >>> float(compare({"a": x, "b": x[:, :4]}, metrics=["mutual_knn"], k=5).mutual_knn.sel(model="a", other="a"))
        1.0
    """
    wanted = [find_metric(name) for name in dict.fromkeys([metrics] if isinstance(metrics, str) else metrics)]
    if not wanted:
        raise InputError("no metric was asked for")
    check_metric(neighbour_metric)
    if recall is not None and not 0 < recall < 1:
        raise InputError(f"recall={recall} must lie between 0 and 1, or be None to find all neighbours")
    joined, explained, before = _join(representations, covariates)
    if centre:
        joined = replace(joined, arrays=[x - x.mean(0) for x in joined.arrays])
        before = [x - x.mean(0) for x in before]
    n, widths = len(joined.ids), [int(x.shape[1]) for x in joined.arrays]
    joined = replace(joined, arrays=[_pad_columns(x) for x in joined.arrays])
    needs = {need for metric in wanted for need in metric.needs}
    if "neighbours" in needs:
        check_k(k, n, least=max(metric.min_k for metric in wanted if "neighbours" in metric.needs))
    dimension_k = min(50, max(5, n // 10), n - 1) if dimension_k is None else dimension_k
    if "dimension" in needs:
        check_k(dimension_k, n, least=2, name="dimension_k")
    if "ranks" in needs:
        check_k(rank_k, n, name="rank_k")
    if not 0 < alpha < 1:
        raise InputError(f"alpha={alpha} must lie between 0 and 1")
    if permutations < 0 or jackknife_groups < 0:
        raise InputError(
            f"permutations={permutations} and jackknife_groups={jackknife_groups}: use 0 for none, or 200 and 20"
        )
    if groups is not None and not (permutations or jackknife_groups):
        raise InputError("groups say how to permute and what to leave out: ask for permutations or intervals")
    labels = labels_of(groups, joined.ids)
    drawn = draw(n, permutations, groups=labels, seed=seed) if permutations else None
    left_out = draw_jackknife_groups(n, jackknife_groups, groups=labels, seed=seed) if jackknife_groups else []
    least = n - max((len(part) for part in left_out), default=0)
    for need, name, size in (("neighbours", "k", k), ("dimension", "dimension_k", dimension_k)) if left_out else ():
        if need in needs:
            check_k(size, least, name=name)
    say = ProgressTracker(wanted, progress, permuted=drawn is not None, jackknife_groups=len(left_out))
    context = MetricContext(
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
    context.run_pass(sorted(needs))
    with Threads() as pool:
        counted = list(pool.map(representation_diagnostics, [np.asarray(x) for x in joined.arrays], widths))
    variables: dict[str, Any] = {
        "dim": ("model", widths),
        "n_model": ("model", joined.rows_in),
        "duplicates": ("model", [int(n - kept.sum()) for kept in context.unique()]),
        **{name: ("model", [one[name] for one in counted]) for name in counted[0]},
        "effective_rank": ("model", context.effective_rank()),
        "input_dtype": ("model", joined.dtypes),
    }
    if context.neighbour_recall() is not None:
        variables["neighbour_recall"] = ("model", context.neighbour_recall())
    for metric in wanted:
        say.metric = metric.long_name
        say(VALUES, 0, 1)
        result = metric.evaluate(context)
        variables |= _variables(metric, result, n)
        say(VALUES, 1, 1)
        if drawn is not None and metric.kind == "pair":
            null = null_of(metric, context, drawn)
            variables |= _calibrated(metric, result, null, alpha)
            if keep_resamples:
                kept = {"kind": "null_samples", "of": metric.name}
                variables[f"{metric.name}_null_samples"] = (("permutation", "model", "other"), null, kept)
            say(NULL, 1, 1)
    if before:
        raw = replace(context, arrays=[_pad_columns(x) for x in before], progress=None, _cache={})
        raw.run_pass(sorted(needs))
        for metric in wanted:
            dims = variables[metric.name][0]
            variables[f"{metric.name}_raw"] = (dims, metric.evaluate(raw).value, {"kind": "raw", "of": metric.name})
    if left_out:
        without = delete_group_jackknife(context, wanted, left_out, lambda done, total: say(PARTS, done, total))
        for metric in wanted:
            variables |= _spread(metric, variables[metric.name][1], without[metric.name])
            if keep_resamples:
                dims = ("jackknife_group", *variables[metric.name][0])
                variables[f"{metric.name}_jackknife_values"] = (
                    dims,
                    without[metric.name],
                    {"kind": "jackknife_values", "of": metric.name},
                )
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
            "permutations": 0 if drawn is None else len(drawn),
            "jackknife_groups": len(left_out),
            "groups": len(set(labels or ())),
            "alpha": alpha,
            "hyle_version": version(),
            "jax_version": jax.__version__,
        },
    )


def _join(representations: Mapping[str, Any], covariates: Any) -> tuple[Joined, str, list[jax.Array]]:
    """Join by id, and take out what covariates explain; say what that was, and give the same rows as they were."""
    if covariates is None:
        return join(representations), "none", []
    if "covariates" in representations:
        raise InputError("a representation is called 'covariates', as the covariates are: give it another name")
    joined = join({**representations, "covariates": covariates})
    *arrays, known = joined.arrays
    basis = orthonormal_basis(known)
    ids = [joined.ids[row] for row in basis.rows]
    kept = Joined(
        joined.names[:-1], [regress_out(x, basis) for x in arrays], ids, joined.rows_in[:-1], joined.dtypes[:-1]
    )
    explained = f"{known.shape[1]} columns of rank {basis.span.shape[1] - 1}, BLUS residuals of {len(ids)} samples"
    return kept, explained, [x[basis.rows] for x in arrays]


def _pad_columns(x: jax.Array) -> jax.Array:
    """Add columns of zeros, which change nothing, where compiling for one more width costs more than they do."""
    n, d = x.shape
    wide = max(64, 2 ** (d - 1).bit_length()) if d <= 512 else -(-d // 512) * 512
    return jnp.pad(x, ((0, 0), (0, wide - d))) if n <= MAX_ROWS_PADDED and wide > d else x
