"""The variables of a Comparison: how they are written, and the one way to read them back.

A metric is a variable of its name. What belongs to it is a variable `<metric>_<suffix>` with the attributes ``kind``
(the suffix) and ``of`` (the metric). Suffixes: ``chance``, ``null``, ``p``, ``q``, ``threshold``, ``calibrated``,
``strata_null``, ``strata_p``, ``beyond``, ``raw``, ``se``, ``low``, ``high``, ``null_samples``, ``jackknife_values``.

Beside ``null_samples``, ``permutation_order`` over ``model`` says which model was permuted: of each pair, the one with
the higher number, by all metrics alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ..base import InputError
from ..context import Queries
from ..metrics import Metric, Result
from .calibration import EXACT_ROUNDING, ROUNDING, adjusted, calibrate
from .jackknife import jackknife_interval

# netCDF has no booleans: what comes back from a file is a number or text.
_TEXT = {True: "yes", False: "no", None: "neither"}
_NO = {"0", "false", "no"}
PERMUTATION_ORDER = "permutation_order"


def metric_variables(metric: Metric, result: Result, n: int, queries: Queries | None = None) -> dict[str, Any]:
    """Return the values of a metric with its facts as attributes, its chance level, and its further variables.

    The attribute ``queries`` is the number of samples from which the metric is estimated, if it is, and ``self_score``
    the score of a model with itself, if that is not an end of the limits.
    """
    attributes = {
        "kind": metric.kind,
        "long_name": metric.long_name,
        "meaning": metric.meaning,
        "citation": metric.citation,
        "limits": list(metric.bounds),
        "symmetric": int(metric.symmetric),
        "higher_is_better": _TEXT[metric.higher_is_better],
        "chance": metric.chance,
        "n": n,
        **result.attributes,
    }
    if queries is not None and result.without is not None:
        attributes["queries"] = len(queries.rows)
    if result.self_score is not None:
        attributes["self_score"] = float(result.self_score)
    variables: dict[str, Any] = {metric.name: (_dims(metric), result.value, attributes)}
    if result.chance is not None:
        variables |= _beside(metric, {"chance": result.chance})
    for suffix, values in result.extra.items():
        kind = "error" if suffix == "error" else "count"
        variables[f"{metric.name}_{suffix}"] = ("model", values, {"kind": kind, "of": metric.name})
    return variables


def calibrated_variables(
    metric: Metric, result: Result, null: np.ndarray, alpha: float, fdr: str = "bh"
) -> dict[str, Any]:
    """Return what K permutations say of a pair metric, null [K, m, m]: mean, p, q, threshold, calibrated score."""
    best, higher = _best(metric, result), metric.higher_is_better is not False
    rounding = EXACT_ROUNDING if metric.exact else ROUNDING
    calibration = calibrate(result.value, null, best=best, higher_is_better=higher, alpha=alpha, rounding=rounding)
    values = {
        "null": calibration.mean,
        "p": calibration.p,
        "q": adjusted(calibration.p, symmetric=metric.symmetric, fdr=fdr),
        "threshold": calibration.threshold,
        "calibrated": calibration.score,
    }
    return _beside(metric, values, permutations=len(null), alpha=alpha, fdr=fdr)


def strata_variables(metric: Metric, result: Result, null: np.ndarray, alpha: float) -> dict[str, Any]:
    """Return what permutations within strata, null [K, m, m], say of a pair metric: mean m, p, (s - m) / (best - m).

    1 is the best score, 0 the mean under permutation within the strata; negative values are not clamped.
    """
    best, higher = _best(metric, result), metric.higher_is_better is not False
    rounding = EXACT_ROUNDING if metric.exact else ROUNDING
    calibration = calibrate(result.value, null, best=best, higher_is_better=higher, alpha=alpha, rounding=rounding)
    room = np.asarray(best - calibration.mean, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(room != 0, (np.asarray(result.value, np.float64) - calibration.mean) / room, np.nan)
    values = {"strata_null": calibration.mean, "strata_p": calibration.p, "beyond": share}
    return _beside(metric, values, permutations=len(null))


def _best(metric: Metric, result: Result) -> Any:
    if result.self_score is not None:
        return result.self_score
    return metric.bounds[1] if metric.higher_is_better is not False else metric.bounds[0]


def interval_variables(
    metric: Metric, value: Any, without: np.ndarray, *, sizes: Sequence[int] | np.ndarray, n: int
) -> dict[str, Any]:
    """Return standard errors and the ends of 95 % intervals, from the values [g, ...] without each jackknife group.

    Args:
        metric: of the values.
        value: [...], on all samples.
        without: [g, ...].
        sizes: g numbers of samples.
        n: number of all samples.
    """
    ends = jackknife_interval(np.asarray(value, np.float64), without, sizes=sizes, n=n)
    values = dict(zip(("se", "low", "high"), ends, strict=True))
    return _beside(metric, values, jackknife_groups=len(without), level=0.95)


def resample_variable(metric: Metric, kind: str, values: np.ndarray, **attributes: Any) -> dict[str, Any]:
    """Return all ``null_samples`` or ``jackknife_values`` of a metric; the latter with ``group_sizes`` and ``n``."""
    dim = {"null_samples": "permutation", "jackknife_values": "jackknife_group"}[kind]
    return {f"{metric.name}_{kind}": ((dim, *_dims(metric)), values, {"kind": kind, "of": metric.name, **attributes})}


def permutation_order_variable(order: np.ndarray) -> dict[str, Any]:
    """Return the variable that says which model of each pair is permuted, from `MetricContext.permutation_order`."""
    meaning = "of each pair, the model with the higher number is the one whose samples are permuted"
    return {PERMUTATION_ORDER: ("model", order, {"kind": PERMUTATION_ORDER, "meaning": meaning})}


def permuted_second(comparison: xr.Dataset) -> np.ndarray | None:
    """Return which model of each pair was permuted, bool [m, m], entry (a, b) True if b was; None if it is not known.

    Comparisons of earlier releases do not say it. Where no rows repeat others it was the model whose name sorts second.
    """
    names = [str(name) for name in comparison["model"].values]
    if PERMUTATION_ORDER in comparison:
        order = np.asarray(comparison[PERMUTATION_ORDER].values)
    elif "duplicates" in comparison and not comparison["duplicates"].values.any():
        order = np.argsort(np.argsort(names))
    else:
        return None
    return np.asarray(order[:, None] <= order[None, :])


def jackknife_design(comparison: xr.Dataset, name: str) -> dict[str, Any]:
    """Return how the ``<name>_jackknife_values`` were drawn, as keyword arguments of `jackknife_interval`.

    Empty for Comparisons of earlier releases, whose groups count as equal.
    """
    attributes = comparison[f"{name}_jackknife_values"].attrs
    if "group_sizes" not in attributes:
        return {}
    return {"sizes": np.ravel(attributes["group_sizes"]).astype(int), "n": int(attributes["n"])}


def _dims(metric: Metric) -> tuple[str, ...]:
    return ("model", "other") if metric.kind == "pair" else ("model",)


def _beside(metric: Metric, values: Mapping[str, Any], **attributes: Any) -> dict[str, Any]:
    return {
        f"{metric.name}_{kind}": (_dims(metric), value, {"kind": kind, "of": metric.name, **attributes})
        for kind, value in values.items()
    }


@dataclass(frozen=True)
class MetricFacts:
    """The facts of one metric of a Comparison, read from the attributes of its variable.

    Args:
        name: of the variable.
        kind: ``pair``, ``single`` or empty.
        higher_is_better: False where a lower score means more aligned.
        symmetric: False where the score from a to b differs from that from b to a.
        bounds: the ends of the scale; None where they are not known or not finite.
        self_score: the score of a model with itself, if that is not an end of the scale, else None.
    """

    name: str
    kind: str
    higher_is_better: bool
    symmetric: bool
    bounds: tuple[float, float] | None
    self_score: float | None = None

    @property
    def sign(self) -> int:
        """1 where a higher score means more aligned, else -1."""
        return 1 if self.higher_is_better else -1

    @property
    def best(self) -> float:
        """The score of two representations that are as aligned as can be, 1 of the calibrated score."""
        if self.self_score is not None:
            return self.self_score
        if self.bounds is None:
            return float(self.higher_is_better)
        return self.bounds[1] if self.higher_is_better else self.bounds[0]

    @property
    def worst(self) -> float:
        """The score of two that have nothing in common, for metrics without a chance level."""
        if self.higher_is_better:
            return 0.0
        return self.bounds[1] if self.bounds is not None else 1.0


def metric_facts(comparison: xr.Dataset, name: str) -> MetricFacts:
    """Read the facts of a metric.

    Raises:
        ValueError: the Comparison has no such metric; names those that it has.
    """
    if name not in comparison.data_vars:
        raise InputError(
            f"the comparison has no metric {name!r}; it has {', '.join(metric_names(comparison)) or 'none'}"
        )
    attributes = comparison[name].attrs
    return MetricFacts(
        name,
        str(attributes.get("kind", "")),
        _is_true(attributes.get("higher_is_better", True)),
        _is_true(attributes.get("symmetric", True)),
        _bounds(attributes.get("limits")),
        None if (own := attributes.get("self_score")) is None else float(own),
    )


def metric_names(comparison: xr.Dataset, kind: str = "pair") -> list[str]:
    """Return the names of the metrics of a kind, in the order of the Comparison."""
    return [str(name) for name, variable in comparison.data_vars.items() if variable.attrs.get("kind") == kind]


def beside(comparison: xr.Dataset, name: str, *kinds: str) -> xr.DataArray | None:
    """Return the first that is there of the variables ``<name>_<kind>``; None where there is none."""
    return next((comparison[f"{name}_{kind}"] for kind in kinds if f"{name}_{kind}" in comparison), None)


def chance_level(comparison: xr.Dataset, name: str, *kinds: str) -> float:
    """Return the median chance level over pairs of different models, NaN where there is none.

    Args:
        comparison: with the metric.
        name: of a pair metric.
        kinds: which variables give it, the first that is there; default ``chance``, the closed form.
    """
    found = beside(comparison, name, *(kinds or ("chance",)))
    if found is None:
        return float("nan")
    matrix = found.broadcast_like(comparison[name]).transpose("model", "other").values
    apart = matrix[~np.eye(len(matrix), dtype=bool)]
    return float(np.median(apart[np.isfinite(apart)])) if np.isfinite(apart).any() else float("nan")


def _is_true(value: Any) -> bool:
    return str(value).lower() not in _NO


def _bounds(limits: Any) -> tuple[float, float] | None:
    text = limits if isinstance(limits, str) else "" if limits is None else " ".join(map(str, np.ravel(limits)))
    ends = sorted(float(number) for number in re.findall(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", text))
    return (ends[0], ends[1]) if len(ends) == 2 else None
