"""Variables of a Comparison."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..metrics import Metric, Result
from .calibration import adjusted, calibrate
from .jackknife import jackknife_interval


def _calibrated(metric: Metric, result: Result, null: np.ndarray, alpha: float) -> dict[str, Any]:
    higher = metric.higher_is_better is not False
    best = result.self_score if result.self_score is not None else metric.bounds[1] if higher else metric.bounds[0]
    found = calibrate(result.value, null, best=best, higher_is_better=higher, alpha=alpha)
    values = {
        "null": found.mean,
        "p": found.p,
        "q": adjusted(found.p, symmetric=metric.symmetric),
        "threshold": found.threshold,
        "calibrated": found.score,
    }
    beside = {"of": metric.name, "permutations": len(null), "alpha": alpha}
    return {
        f"{metric.name}_{suffix}": (("model", "other"), value, {"kind": suffix, **beside})
        for suffix, value in values.items()
    }


def _spread(metric: Metric, value: Any, without: np.ndarray) -> dict[str, Any]:
    dims: tuple[str, ...] = ("model", "other") if metric.kind == "pair" else ("model",)
    named = zip(("se", "low", "high"), jackknife_interval(np.asarray(value, np.float64), without), strict=True)
    beside = {"of": metric.name, "jackknife_groups": len(without), "level": 0.95}
    return {f"{metric.name}_{suffix}": (dims, found, {"kind": suffix, **beside}) for suffix, found in named}


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
