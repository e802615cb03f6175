"""The same comparison at several numbers of neighbours or samples."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import jax
import numpy as np
import xarray as xr

from ..base import InputError
from .compare import compare
from .groups import labels_of
from .join import join
from .representations import check_representations, name_representations

Over = Literal["k", "n"]


@dataclass(frozen=True)
class _Rows:
    embedding: jax.Array
    ids: Sequence[str]


def sweep(
    *representations: Any,
    over: Over,
    values: Sequence[int],
    seed: int = 0,
    progress: Callable[[str, float], None] | None = None,
    **options: Any,
) -> xr.Dataset:
    """Compare at several k or n, and measure whether the order of the pairs is stable.

    Args:
        representations: as for `compare`.
        over: ``k``, the number of neighbours (also ``dimension_k`` and ``rank_k``), where metrics without one are
            dropped; or ``n``, the number of samples: the first n in one random order, so that draws are nested.
        values: at least two different values.
        seed: of the random order and of `compare`.
        progress: called as by `compare`, with the share of all steps.
        options: options of `compare`.

    Returns:
        The Comparisons along a new dimension ``k`` or ``n``, in ascending order. For every pair metric also
        ``<metric>_stability`` over that dimension and ``other_k`` or ``other_n``: Spearman's correlation of the scores
        of all pairs of different models, NaN for fewer than three.

    Raises:
        ValueError: an unknown dimension, fewer than two values, one that is duplicated or out of range, no metric that
            depends on k; and as `compare`.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(60, 8))
        >>> swept = sweep({"a": x, "b": x[:, :6], "c": x[:, 4:]}, over="k", values=[5, 10], metrics=["mutual_knn"])
        >>> swept.mutual_knn.sizes["k"], float(swept.mutual_knn_stability.sel(k=5, other_k=5))
        (2, 1.0)
    """
    if over not in get_args(Over):
        raise InputError(f"a sweep over {over!r}: use k or n")
    steps = sorted(set(values))
    if len(steps) < 2 or len(steps) < len(values):
        raise InputError(f"a sweep needs at least two values, each once; got {', '.join(map(str, values))}")
    named, covariates = check_representations(name_representations(representations), options.get("covariates"))
    options |= {} if covariates is None else {"covariates": covariates}
    if over == "k":
        found = _by_k(named, steps, seed, options, progress)
    else:
        draws = _draws(named, steps, seed, options)
        found = [
            compare(drawn, seed=seed, progress=_share(progress, over, steps, at), **more)
            for at, (drawn, more) in enumerate(draws)
        ]
    both = xr.concat(
        found, dim=xr.Variable(over, steps), data_vars="all", combine_attrs="drop_conflicts", coords="minimal"
    )
    for name, variable in found[0].data_vars.items():
        both[name].attrs = {key: value for key, value in variable.attrs.items() if key != over}
        if variable.attrs.get("kind") == "pair":
            stable = _stability(both[name].values)
            both[f"{name}_stability"] = ((over, f"other_{over}"), stable, {"kind": "stability", "of": str(name)})
    return both.assign_coords({f"other_{over}": steps})


def _share(
    progress: Callable[[str, float], None] | None, over: str, steps: Sequence[int], at: int
) -> Callable[[str, float], None] | None:
    if progress is None:
        return None
    return lambda what, share: progress(f"{over} = {steps[at]}, {what}", (at + share) / len(steps))


def _by_k(
    representations: Mapping[str, Any],
    steps: Sequence[int],
    seed: int,
    options: Mapping[str, Any],
    progress: Callable[[str, float], None] | None,
) -> list[xr.Dataset]:
    found: list[xr.Dataset] = []
    options = dict(options)
    for at, step in enumerate(steps):
        near = {"k": step, "dimension_k": step, "rank_k": step}
        found.append(compare(representations, seed=seed, progress=_share(progress, "k", steps, at), **(options | near)))
        if len(found) == 1:
            first, kinds = found[0], ("pair", "single")
            scores = {str(name): v.attrs for name, v in first.data_vars.items() if v.attrs.get("kind") in kinds}
            options["metrics"] = [name for name, attributes in scores.items() if attributes.get("k") == step]
            if not options["metrics"]:
                raise InputError(f"none of the metrics {', '.join(scores)} depends on k")
            fixed = scores.keys() - set(options["metrics"])
            lost = [name for name, v in first.data_vars.items() if name in fixed or v.attrs.get("of") in fixed]
            found[0] = first.drop_vars(lost)
    return found


def _draws(
    representations: Mapping[str, Any], steps: Sequence[int], seed: int, options: Mapping[str, Any]
) -> list[tuple[dict[str, _Rows], dict[str, Any]]]:
    known = options.get("covariates")
    joined = join(representations if known is None else {**representations, "covariates": known})
    n = len(joined.ids)
    if not 4 <= steps[0] <= steps[-1] <= n:
        raise InputError(f"n={steps[0]} to {steps[-1]} samples: {n} are common to all, and at least 4 are needed")
    order = np.random.default_rng([seed, n]).permutation(n)
    labels = labels_of(options.get("groups"), joined.ids)
    found = []
    for step in steps:
        rows = np.sort(order[:step])
        ids = [joined.ids[row] for row in rows]
        drawn = {name: _Rows(x[rows], ids) for name, x in zip(joined.names, joined.arrays, strict=True)}
        more = dict(options)
        if known is not None:
            more["covariates"] = drawn.pop("covariates")
        if labels is not None:
            more["groups"] = {joined.ids[row]: labels[row] for row in rows}
        found.append((drawn, more))
    return found


def _stability(values: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation [s, s] between the off-diagonal scores of the steps [s, m, m]."""
    from scipy.stats import ConstantInputWarning, spearmanr  # imported here because it takes half a second

    count, m, _ = values.shape
    scores = values[:, ~np.eye(m, dtype=bool)]
    found = np.full((count, count), np.nan)
    if m < 3:
        return found
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantInputWarning)  # identical scores give NaN
        for a in range(count):
            for b in range(count):
                found[a, b] = spearmanr(scores[a], scores[b], nan_policy="omit").statistic
    return found
