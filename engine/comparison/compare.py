"""Compare all representations with all others, by every metric, as one labelled Comparison."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from ..base import (
    Checkpoint,
    InputError,
    check_mesh,
    each_of,
    of_first,
    one_thread_products,
    renamed_arguments,
    version,
    with_lost_processes,
)
from ..context import NULL, VALUES, CompareConfig, MetricContext, draw_queries, effective_ranks
from ..metrics import Metric, Result, find_metric
from ..permutation import Permutations
from ..preprocess import representation_diagnostics
from .calibration import null_of
from .comparison import Comparison
from .inference import Inference, configured
from .inputs import Inputs, prepare_inputs
from .jackknife import delete_group_jackknife
from .limits import check_size
from .outside import check_resamples, outside_labels
from .progress import JACKKNIFE, MORE, STRATA, ProgressTracker
from .queries import check_queries, query_variables
from .representations import check_representations, name_representations
from .resamples import Resamples, draw_resamples, leaves_pairs_open, warn_unresolved
from .same_inputs import check_same_inputs
from .schema import (
    calibrated_variables,
    interval_variables,
    metric_variables,
    permutation_order_variable,
    resample_variable,
    strata_variables,
)

DEFAULT_METRICS = ("cka", "cka_rbf", "mutual_knn", "cknna", "intrinsic_dimension")
# Diagnostics of each model, with their type.
DIAGNOSTICS = {"dead_columns": int, "top_column_share": float, "norm_outliers": int}

Progress = Callable[[str, float], None] | None


@renamed_arguments(intervals="jackknife_groups", draws="keep_resamples")
@with_lost_processes
def compare(
    *representations: Any,
    metrics: Sequence[str | Metric] | str | Metric = DEFAULT_METRICS,
    covariates: Any = None,
    config: CompareConfig | None = None,
    inference: Inference | None = None,
    neighbours_outside: Mapping[str, Any] | Sequence[Any] | None = None,
    mesh: Mesh | None = None,
    checkpoint: str | Path | Checkpoint | None = None,
    progress: Progress = None,
    **options: Any,
) -> Comparison:
    """Compare representations of the same samples, all with all.

    Args:
        representations: one mapping name -> representation, one list of representations, or several arguments. Each is
            a tensor [n, d] of any framework and floating dtype, or an object with ``embedding`` [n, d] and ``ids``.
            Rows are joined by id and sorted by it, plain tensors by position. The index of a DataFrame is its ids,
            unless all have the default index. In a list, tensors are called "array 1", "array 2" and so on; objects
            with ids have their ``name``.
        metrics: names of metrics, or entries of `hyle.engine.list_metrics`, which has them all.
        covariates: regressed out of every representation first (see `hyle.engine.blus_residuals`): a tensor [n, c], or
            an object with ``embedding`` [n, c] and ``ids``, as the representations are. As many samples are dropped as
            the covariates have independent columns, and one more.
        config: how metrics are computed, see `CompareConfig`.
        inference: which p-values and intervals are computed, see `Inference`.
        neighbours_outside: sample id -> label, or n labels for plain tensors: the neighbours of a sample are those with
            another label, in mutual, Jaccard and cycle k-NN and in CKNNA. For samples that are parts of one thing, such
            as the atoms of one crystal, which are neighbours of each other in any model. Permutations then have to
            exchange whole labels.
        mesh: devices among which the rows are divided, of this process or of all processes, see `device_mesh`; each
            process then calls this with the same representations, and has the whole result. Default: one device.
        checkpoint: a folder in which results are saved every few seconds, so that the same call continues after an
            interruption; you may remove it afterwards. Several processes need one that all of them have.
        progress: called with (name of the stage, share of all work that is done, from 0 to 1).
        options: fields of `CompareConfig` and of `Inference` by keyword, such as ``k=10`` or ``permutations=200``;
            they take precedence over ``config`` and ``inference``.

    Returns:
        The `Comparison`, an `xarray.Dataset` over ``model`` and ``other``: for every metric a variable of its name, for
        pair metrics also ``<metric>_chance``; entry (a, b) has x = a and y = b. In addition: ``dim``, ``n_model`` (rows
        before the join), ``duplicates`` (rows that repeat an earlier one, exactly or up to floating-point noise, see
        `hyle.engine.intrinsic_dimension`), ``dead_columns`` (constant over the samples), ``top_column_share`` (of the
        variance), ``effective_rank`` (directions over which it is spread), ``norm_outliers`` (rows, see
        `hyle.engine.norm_outliers`).
        With permutations every pair metric also has ``<metric>_null``, the mean over them, ``_p``, ``_q`` (p adjusted
        for the number of pairs, by `Inference.fdr`), ``_threshold`` and ``_calibrated``, see `hyle.engine.calibrate`.
        With strata they also have ``<metric>_strata_null``, ``_strata_p`` and ``_beyond``, see
        `hyle.engine.comparison.inference.Inference`.
        With covariates ``<metric>_raw`` is the score of the same samples before the covariates are regressed out.
        With jackknife groups every metric has ``_se``, ``_low`` and ``_high``, the ends of a 95 % interval. With
        queries those metrics have them that are estimated from these: they describe the error of the estimate.
        The recipe of each number is in the attributes of its variable and of the data set.

    Raises:
        ValueError: one representation alone for a metric of pairs, fewer than four common samples, rows that are not
            finite, an unknown metric, k out of range, a sample without a group, what `CompareConfig.queries` excludes.
        TypeError: an unknown option, or a representation that is not a matrix, such as the path of a file.
        RuntimeError: another process of the mesh has ended.

    Warns:
        JoinWarning: see `join`.
        ExplainedWarning: covariates leave nothing of a representation but rounding errors; its scores are NaN.
        ResolutionWarning: with so many pairs and so few permutations, one aligned pair alone cannot be significant.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(60, 8))
        >>> float(compare({"a": x, "b": x[:, :4]}, metrics=["mutual_knn"], k=5).mutual_knn.sel(model="a", other="a"))
        1.0
    """
    asked = [metrics] if isinstance(metrics, str | Metric) else metrics
    chosen = list({metric.name: metric for metric in map(find_metric, asked)}.values())
    if not chosen:
        raise InputError("no metric was asked for")
    config, inference = configured(config, inference, options)
    inference = check_queries(chosen, config, inference)
    named, covariates = check_representations(name_representations(representations), covariates)
    pair_metrics = [metric.name for metric in chosen if metric.kind == "pair"]
    if len(named) == 1 and pair_metrics:
        raise InputError(
            f"{next(iter(named))} is alone, but {', '.join(pair_metrics[:3])}{', ...' * (len(pair_metrics) > 3)} need "
            "two representations: give another one, or metrics=['intrinsic_dimension']"
        )
    inputs = prepare_inputs(named, covariates, centre=config.centre)
    config.check(inputs.n, chosen)
    queries = None if config.queries is None else draw_queries(inputs.n, config.queries, config.seed)
    check_mesh(mesh)
    if config.precision != "highest" and mesh is None and jax.default_backend() == "cpu":
        raise InputError(f"precision={config.precision!r} is for GPUs and TPUs, or a mesh of devices: omit it")
    outside = outside_labels(
        neighbours_outside, inputs.joined.ids, chosen, config, all_ids=inputs.all_ids, on_mesh=mesh is not None
    )
    context = MetricContext(
        inputs.joined.names,
        inputs.joined.arrays,
        config,
        outside=outside,
        queries=queries,
        mesh=mesh,
        widths=inputs.widths,
    )
    if checkpoint is not None:
        context.checkpoint = checkpoint if isinstance(checkpoint, Checkpoint) else Checkpoint(checkpoint)
        context.checkpoint.shared = context.shared
    if context.shared:
        check_same_inputs(context, inputs.joined.sample_hash, (inference, [metric.name for metric in chosen]))
    # Resolved once, so that it stays the same without a jackknife group.
    config = replace(config, dimension_k=config.dimension_neighbours(context.most_distinct))
    resamples = draw_resamples(inputs.joined.ids, chosen, context.m, config, inference, all_ids=inputs.all_ids)
    check_resamples(outside, resamples, inference, config.k)
    nulls = [drawn for drawn in (resamples.permutations, resamples.within_strata) if drawn is not None]
    grouped = any(not drawn.cycles for drawn in nulls)
    check_size(inputs.n, inputs.widths, chosen, config, grouped=grouped, mesh=mesh)
    if resamples.draw_more is None:
        warn_unresolved(resamples.note(resamples.permutations))
    tracker = ProgressTracker(
        chosen,
        progress,
        permuted=resamples.permutations is not None,
        strata=resamples.within_strata is not None,
        twice=resamples.draw_more is not None,
        jackknife_groups=len(resamples.left_out),
    )
    context = replace(context, config=config, progress=tracker)
    context.run_pass(_needs(chosen))
    variables = _model_variables(context, inputs)
    found, permutations, resolution = _metric_variables(context, chosen, resamples, inference, tracker)
    variables |= found
    if inference.keep_resamples and permutations is not None:
        variables |= permutation_order_variable(context.permutation_order)
    if inputs.before:
        variables |= _raw_variables(context, chosen, inputs, variables)
    if resamples.left_out:
        variables |= _interval_variables(context, chosen, resamples.left_out, inference, variables, tracker)
    names = inputs.joined.names
    attributes = _attributes(inputs, config, inference, resamples, mesh) | {
        "permutations": 0 if permutations is None else len(permutations),
        "resolution": resolution,
        "neighbours_outside": 0 if outside is None else int(outside.max()) + 1,
    }
    return Comparison(variables, coords={"model": names, "other": names}, attrs=attributes)


def _needs(metrics: Sequence[Metric]) -> list[Any]:
    return sorted({need for metric in metrics for need in metric.needs})


def _model_variables(context: MetricContext, inputs: Inputs) -> dict[str, Any]:
    """Return what each model has by itself, whatever the metrics are."""
    arrays = [np.asarray(x) for x in inputs.joined.arrays]

    def diagnosed(model: int) -> np.ndarray:
        found = representation_diagnostics(arrays[model], inputs.widths[model], context.centred(model))
        return np.array([found[name] for name in DIAGNOSTICS])

    with one_thread_products():
        diagnostics = each_of(diagnosed, context.m, shared=context.shared).T
    variables: dict[str, Any] = {
        "dim": ("model", inputs.widths),
        "n_model": ("model", inputs.joined.rows_in),
        "duplicates": ("model", [int(inputs.n - kept.sum()) for kept in context.unique()]),
        **{
            name: ("model", column.astype(kind))
            for (name, kind), column in zip(DIAGNOSTICS.items(), diagnostics, strict=True)
        },
        "effective_rank": ("model", effective_ranks(context)),
        "input_dtype": ("model", inputs.joined.dtypes),
    }
    recall = context.neighbour_recall()
    return variables if recall is None else variables | {"neighbour_recall": ("model", recall)}


def _metric_variables(
    context: MetricContext,
    metrics: Sequence[Metric],
    resamples: Resamples,
    inference: Inference,
    tracker: ProgressTracker,
) -> tuple[dict[str, Any], Permutations | None, str]:
    """Evaluate each metric, and pair metrics under permutations.

    Returns:
        The variables, the permutations under which p-values were computed, and what so many leave open.
    """
    variables, results, permutations = dict[str, Any](), dict[str, Result](), resamples.permutations
    for metric in metrics:
        tracker.metric = metric.long_name
        tracker(VALUES, 0, 1)
        results[metric.name] = result = metric.evaluate(context)
        variables |= metric_variables(metric, result, context.n, context.queries)
        variables |= query_variables(metric, result, context.queries)
        tracker(VALUES, 1, 1)
        if permutations is not None and metric.kind == "pair":
            variables |= _null_variables(context, metric, result, permutations, inference)
            tracker(NULL, 1, 1)
            if resamples.within_strata is not None:
                tracker.null = STRATA
                within = _null_of(metric, context, resamples.within_strata)
                variables |= strata_variables(metric, result, within, inference.alpha)
                tracker(NULL, 1, 1)
                tracker.null = NULL
    if permutations is None or resamples.draw_more is None:
        return variables, permutations, resamples.note(permutations)
    more = leaves_pairs_open(variables, metrics, permutations, inference)
    if context.shared:
        more = bool(of_first(more))
    if more:
        permutations = resamples.draw_more()
        warn_unresolved(resamples.note(permutations))
    tracker.null = MORE
    for metric in (metric for metric in metrics if metric.kind == "pair"):
        tracker.metric = metric.long_name
        if more:
            variables |= _null_variables(context, metric, results[metric.name], permutations, inference)
        tracker(NULL, 1, 1)
    return variables, permutations, resamples.note(permutations) if more else ""


def _null_of(metric: Metric, context: MetricContext, permutations: Permutations) -> np.ndarray:
    drawn = hashlib.sha256(np.ascontiguousarray(permutations.orders).data).hexdigest()[:32]
    return context.saved(f"null of {metric.name}, {drawn}", lambda: null_of(metric, context, permutations))


def _null_variables(
    context: MetricContext, metric: Metric, result: Result, permutations: Permutations, inference: Inference
) -> dict[str, Any]:
    null = _null_of(metric, context, permutations)
    variables = calibrated_variables(metric, result, null, inference.alpha, inference.fdr)
    return variables | resample_variable(metric, "null_samples", null) if inference.keep_resamples else variables


def _raw_variables(
    context: MetricContext, metrics: Sequence[Metric], inputs: Inputs, variables: Mapping[str, Any]
) -> dict[str, Any]:
    """Evaluate each metric on the same samples before covariates were regressed out."""
    raw = replace(context, arrays=inputs.before, progress=None, _cache={})
    raw.run_pass(_needs(metrics))
    return {
        f"{metric.name}_raw": (
            variables[metric.name][0],
            metric.evaluate(raw).value,
            {"kind": "raw", "of": metric.name},
        )
        for metric in metrics
    }


def _interval_variables(
    context: MetricContext,
    metrics: Sequence[Metric],
    left_out: Sequence[np.ndarray],
    inference: Inference,
    variables: Mapping[str, Any],
    tracker: ProgressTracker,
) -> dict[str, Any]:
    """Evaluate each metric without each jackknife group, for standard errors and intervals."""
    values = delete_group_jackknife(context, metrics, left_out, lambda done, total: tracker(JACKKNIFE, done, total))
    sizes, found = [len(group) for group in left_out], dict[str, Any]()
    for metric in metrics:
        without = values[metric.name]
        found |= interval_variables(metric, variables[metric.name][1], without, sizes=sizes, n=context.n)
        if inference.keep_resamples:
            found |= resample_variable(metric, "jackknife_values", without, group_sizes=sizes, n=context.n)
    return found


def _attributes(
    inputs: Inputs, config: CompareConfig, inference: Inference, resamples: Resamples, mesh: Mesh | None
) -> dict[str, Any]:
    """Return what every number of the Comparison has in common."""
    return {
        "n": inputs.n,
        "queries": min(inputs.n, config.queries or inputs.n),
        "sample_hash": inputs.joined.sample_hash,
        "join": "\n".join(inputs.joined.notes),
        "join_warning": inputs.joined.warning,
        "dtype": str(jnp.result_type(*inputs.joined.arrays)),
        "device": str((jax.local_devices()[0] if mesh is None else mesh.devices.flat[0]).device_kind),
        "devices": 1 if mesh is None else mesh.size,
        "seed": config.seed,
        "search": config.search,
        "precision": config.precision,
        "k": config.k,
        "dimension_k": config.dimension_k,
        "centre": int(config.centre),
        "covariates": inputs.covariates,
        "explained": ", ".join(inputs.explained),
        "jackknife_groups": len(resamples.left_out),
        "groups": len(set(resamples.labels or ())),
        "permuted": inference.permute if resamples.labels else "all",
        "strata": len(set(resamples.strata or ())),
        "strata_permuted": _in_several(resamples.strata or ()),
        "alpha": inference.alpha,
        "hyle_version": version(),
        "jax_version": jax.__version__,
    }


def _in_several(labels: Sequence[str]) -> int:
    """Count the samples that share their label with another one."""
    return sum(count for count in Counter(labels).values() if count > 1)
