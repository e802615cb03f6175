"""Tables of the report: models with their facts, pairs with their scores, and citations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..comparison import (
    CONTROL,
    PairScores,
    errors,
    estimate,
    modalities,
    model_names,
    number,
    per_model,
    text,
)
from ..console import count
from ..figures import dimensions, modality_scale, order_models

if TYPE_CHECKING:
    import xarray as xr

FACTS = {
    "modality": "modality",
    "family": "family",
    "parameters": "parameters",
    "dim": "width",
    "layer": "layer",
    "pooling": "pooling",
    "training_data": "training data",
    "trained_on_samples": "trained on the samples",
    "licence": "licence",
    "n_model": "samples",
    "dead_columns": "dead columns",
    "top_column_share": "largest column",
    "norm_outliers": "norm outliers",
    "effective_rank": "effective rank",
}
NUMERIC = {"parameters", "dim", "n_model", "dead_columns", "top_column_share", "effective_rank", "norm_outliers"}


def swatches(comparison: xr.Dataset) -> dict[str, str]:
    """Return the colour of each modality in the Comparison."""
    domain, colours = modality_scale(modalities(comparison))
    return dict(zip(domain, colours, strict=True))


def model_rows(comparison: xr.Dataset) -> list[dict[str, str]]:
    """Return the facts of each model, in the order of the heat maps."""
    columns = {key: per_model(comparison, key) for key in FACTS}
    place = {name: i for i, name in enumerate(model_names(comparison))}
    rows = []
    for name in order_models(comparison):
        row = {key: _fact(key, values[place[name]]) for key, values in columns.items()}
        rows.append({"name": name} | row)
    return rows


def _fact(key: str, value: Any) -> str:
    if value is None or (key in NUMERIC and value < 0):
        return "–"
    if key == "trained_on_samples":
        return "yes" if value else "–"
    if key == "top_column_share":
        return f"{100 * value:.0f} %"
    if key == "effective_rank":
        return f"{value:.1f}"
    if key == "parameters":
        return count(int(value))
    return f"{value:.0f}" if key in NUMERIC else str(value)


def pair_rows(comparison: xr.Dataset, by_name: Mapping[str, PairScores]) -> list[dict[str, Any]]:
    """Return all pairs with their scores, the most aligned first."""
    names, kinds = model_names(comparison), modalities(comparison)
    scores = list(by_name.values())
    rows: list[dict[str, Any]] = []
    for i in range(len(names)):
        for j in range(i + 1, len(names)):
            cells = [_pair_cell(score, [(i, j), (j, i)] if score.directed else [(i, j)]) for score in scores]
            modality = f"{kinds[i]} – {kinds[j]}"
            rows.append({"model": names[i], "other": names[j], "modalities": modality, "cells": cells})
            rows[-1]["control"] = CONTROL in (kinds[i], kinds[j])
    if scores:
        sign = -1 if scores[0].higher_is_better else 1
        rows.sort(key=lambda row: (row["cells"][0]["sort"] == "", sign * (row["cells"][0]["sort"] or 0)))
    return rows


def _pair_cell(score: PairScores, pairs: list[tuple[int, int]]) -> dict[str, Any]:
    values = [float(score.values[pair]) for pair in pairs]
    chances = dict.fromkeys(number(score.chance[pair], 3) for pair in pairs if np.isfinite(score.chance[pair]))
    return {
        "shown": " / ".join(_marked(score, pair) for pair in pairs),
        "sort": float(np.mean(values)) if np.isfinite(values).all() else "",
        "chance": "" if one_chance(score) else " / ".join(chances),
    }


def _marked(score: PairScores, pair: tuple[int, int]) -> str:
    shown = number(score.values[pair], 3) if np.isfinite(score.values[pair]) else "–"
    return f"{shown} {score.mark(pair)}".rstrip()


def count_significant(score: PairScores, pairs: list[tuple[int, int]]) -> str:
    """Return how many pairs are significantly above chance, such as "3 of 10 pairs"; empty without permutations.

    A pair is significant where its q-value is at most `PairScores.alpha`.
    """
    tested = [pair for pair in pairs if np.isfinite(score.q[pair])]
    count = sum(not score.not_significant[pair] for pair in tested)
    return f"{count} of {len(tested)} {'directed ' * score.directed}pairs" if tested else ""


def one_chance(score: PairScores) -> str:
    """Return the chance level where it is the same for all pairs, else an empty string."""
    defined = ~np.eye(len(score.chance), dtype=bool) & np.isfinite(score.values)
    shown = {number(chance, 3) if np.isfinite(chance) else "" for chance in score.chance[defined]}
    return shown.pop() if len(shown) == 1 else ""


def short(comparison: xr.Dataset, metric: str) -> str:
    """Return the name of the estimator of a dimension metric: the part of its long name in brackets."""
    label = text(comparison[metric].attrs, "long_name") or metric.replace("_", " ")
    return label.partition("(")[2].rpartition(")")[0] or label


def estimate_rows(comparison: xr.Dataset) -> list[tuple[str, list[str]]]:
    """Return each model with its estimates of the dimension, in the order of the heat maps."""
    names, metrics = model_names(comparison), dimensions(comparison)
    columns = [
        [estimate(float(v), e) for v, e in zip(comparison[metric].values, errors(comparison, metric), strict=True)]
        for metric in metrics
    ]
    cells = {name: list(row) for name, *row in zip(names, *columns, strict=True)}
    return [(name, cells[name]) for name in order_models(comparison)] if metrics else []


def citations(comparison: xr.Dataset) -> list[tuple[str, str]]:
    """Return the sources of the metrics, each with the metrics that it is the source of, as (metrics, source)."""
    cited: dict[str, list[str]] = {}
    for variable in comparison.data_vars.values():
        if variable.attrs.get("citation"):
            label = text(variable.attrs, "long_name") or str(variable.name)
            cited.setdefault(str(variable.attrs["citation"]), []).append(label)
    return [(", ".join(labels), citation) for citation, labels in cited.items()]


def read_json(content: Any) -> dict[str, Any]:
    """Return a JSON attribute as a dictionary, empty where it is not one."""
    try:
        read = json.loads(content) if isinstance(content, str) else content
    except json.JSONDecodeError:
        return {"": content}
    return read if isinstance(read, dict) else {}
