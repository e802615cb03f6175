"""The report: one self-contained HTML file that opens without a network."""

from __future__ import annotations

import base64
import functools
import json
import os
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .figures import agreement_axes, all_figures, dimensions, order_models, vega_lite_version
from .figures._palette import DARK, modality_scale
from .tables import (
    BY_CHANCE,
    CONTROL,
    Score,
    errors,
    estimate,
    integer,
    long_table,
    modalities,
    model_names,
    number,
    per_model,
    read_scores,
    text,
    write_atomically,
)

if TYPE_CHECKING:
    import xarray as xr

_FACTS = {
    "modality": "modality",
    "family": "family",
    "parameters": "parameters",
    "dim": "width",
    "layer": "layer",
    "pooling": "pooling",
    "training_data": "training data",
    "licence": "licence",
    "n_model": "samples",
    "dead_columns": "dead columns",
    "top_column_share": "largest column",
    "norm_outliers": "far outside",
}
_NUMERIC = {"parameters", "dim", "n_model", "dead_columns", "top_column_share", "norm_outliers"}
# Of more metrics than a row of tabs holds, one is chosen from a list, and these are the columns shown at first.
_TABS = 8
_MAIN = ("cka", "cka_rbf", "distance_correlation", "mutual_knn", "cknna", "information_imbalance")


def write_report(comparison: xr.Dataset, path: str | os.PathLike[str]) -> Path:
    """Write the Comparison as one HTML file, whole or not at all, and return its path.

    Charts, scripts and styles are inside the file: it needs no network and asks for none.
    """
    return write_atomically(path, render_report(comparison).encode())


def render_report(comparison: xr.Dataset) -> str:
    """Return the report as HTML text."""
    import jinja2

    folder = Path(__file__).parent / "templates"
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    attrs, scores = comparison.attrs, read_scores(comparison)
    axes = agreement_axes(comparison)
    return environment.get_template("report.html.j2").render(
        title=text(attrs, "title") or "Alignment of representations",
        summary=summary(comparison),
        attrs=defaultdict(str, {str(key): str(value) for key, value in attrs.items()}),
        scores=list(scores.values()),
        tabs=_TABS,
        shown=[name for name in _MAIN if name in scores] or list(scores)[: len(_MAIN)],
        told={name: _told(score, score.pairs()) for name, score in scores.items()},
        by_chance=BY_CHANCE if any(score.permutations for score in scores.values()) else "",
        fixed={name: chance for name, score in scores.items() if (chance := _one_chance(score))},
        dimensions={metric: _short(comparison, metric) for metric in dimensions(comparison)},
        estimates=_estimate_rows(comparison),
        with_errors=any(np.isfinite(errors(comparison, metric)).any() for metric in dimensions(comparison)),
        agreement=[scores[name] for name in axes or ()],
        specs={name: chart.to_dict() for name, chart in all_figures(comparison).items()},
        dark=DARK,
        swatches=_swatches(comparison),
        models=_model_rows(comparison),
        facts={key: title for key, title in _FACTS.items() if key in comparison.variables},
        numeric=_NUMERIC,
        pairs=_pair_rows(comparison),
        controls=[
            name for name, kind in zip(model_names(comparison), modalities(comparison), strict=True) if kind == CONTROL
        ],
        versions=_json(attrs.get("versions")),
        recipes=_json(attrs.get("recipe")),
        citations=_citations(comparison),
        csv=base64.b64encode(long_table(comparison).to_csv(index=False).encode()).decode(),
        vega=_vega(),
    )


@functools.cache
def _vega() -> str:
    import vl_convert

    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=vega_lite_version())


def summary(comparison: xr.Dataset) -> list[str]:
    """Return plain sentences: what was measured, the largest value and what a control reaches."""
    names, kinds = model_names(comparison), modalities(comparison)
    scores = read_scores(comparison)
    controls = kinds.count(CONTROL)
    said = [_counted(len(names) - controls, "model")]
    said[0] += f" and {_counted(controls, 'control')}" if controls else ""
    n = integer(comparison.attrs.get("n"))
    if n is not None:
        samples = text(comparison.attrs, "domain") or "samples"
        dataset = text(comparison.attrs, "dataset")
        said[0] += f", {n} {samples}" + (f" of {dataset}" if dataset else "")
    said[0] += "."
    if not scores:
        return said
    score = next(iter(scores.values()))
    real = [p for p in score.pairs() if CONTROL not in (kinds[p[0]], kinds[p[1]])]
    across = [p for p in real if kinds[p[0]] != kinds[p[1]]]
    best = _strongest(score, across or real)
    if best:
        i, j = best
        where = "between modalities" if across else "between two models"
        pair = f"{names[i]} ({kinds[i]}) with {names[j]} ({kinds[j]})" if across else f"{names[i]} with {names[j]}"
        value = f"{number(score.values[i, j], 2)} in {score.label}"
        chance = f", where chance gives {number(score.level, 2)}" if np.isfinite(score.level) else ""
        strongest = "highest" if score.higher_is_better else "lowest and so closest"
        said.append(f"The {strongest} score {where} is {pair}: {value}{chance}.")
    elif score.pairs():
        said.append(f"No pair has a defined {score.label}: is an embedding constant?")
    told = _told(score, real)
    if told:
        said.append(f"Permutations tell {told} of models from chance.")
    control = _strongest(score, [p for p in score.pairs() if (kinds[p[0]] == CONTROL) != (kinds[p[1]] == CONTROL)])
    if control:
        i, j = sorted(control, key=lambda index: kinds[index] != CONTROL)
        value = number(score.values[control], 2)
        said.append(f"For scale: {names[i]}, a control that has learnt nothing, reaches {value} with {names[j]}.")
    return said


def _strongest(score: Score, pairs: list[tuple[int, int]]) -> tuple[int, int] | None:
    known = [pair for pair in pairs if np.isfinite(score.values[pair])]
    return max(known, key=lambda pair: score.strength[pair], default=None)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _swatches(comparison: xr.Dataset) -> dict[str, str]:
    domain, colours = modality_scale(modalities(comparison))
    return dict(zip(domain, colours, strict=True))


def _model_rows(comparison: xr.Dataset) -> list[dict[str, str]]:
    columns = {key: per_model(comparison, key) for key in _FACTS}
    place = {name: i for i, name in enumerate(model_names(comparison))}
    rows = []
    for name in order_models(comparison):
        row = {key: _fact(key, values[place[name]]) for key, values in columns.items()}
        rows.append({"name": name} | row)
    return rows


def _fact(key: str, value: Any) -> str:
    if value is None or (key in _NUMERIC and value < 0):
        return "–"
    if key == "top_column_share":
        return f"{100 * value:.0f} %"
    if key == "parameters":
        for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
            if value >= size:
                return f"{value / size:.3g} {unit}"
    return f"{value:.0f}" if key in _NUMERIC else str(value)


def _pair_rows(comparison: xr.Dataset) -> list[dict[str, Any]]:
    names, kinds = model_names(comparison), modalities(comparison)
    scores = list(read_scores(comparison).values())
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


def _pair_cell(score: Score, ways: list[tuple[int, int]]) -> dict[str, Any]:
    values = [float(score.values[way]) for way in ways]
    chances = dict.fromkeys(number(score.chance[way], 3) for way in ways if np.isfinite(score.chance[way]))
    return {
        "shown": " / ".join(_marked(score, way) for way in ways),
        "sort": float(np.mean(values)) if np.isfinite(values).all() else "",
        "chance": "" if _one_chance(score) else " / ".join(chances),
    }


def _marked(score: Score, way: tuple[int, int]) -> str:
    shown = number(score.values[way], 3) if np.isfinite(score.values[way]) else "–"
    return f"{shown} {BY_CHANCE}" if score.by_chance[way] else shown


def _told(score: Score, pairs: list[tuple[int, int]]) -> str:
    """Say how many pairs permutations tell from chance, at the level of the score; nothing where there were none."""
    known = [pair for pair in pairs if np.isfinite(score.q[pair])]
    told = sum(not score.by_chance[pair] for pair in known)
    return f"{told} of {len(known)} {'directed ' * score.directed}pairs" if known else ""


def _one_chance(score: Score) -> str:
    """Return the chance level where all pairs have the same, else nothing."""
    off = ~np.eye(len(score.chance), dtype=bool) & np.isfinite(score.values)
    shown = {number(chance, 3) if np.isfinite(chance) else "" for chance in score.chance[off]}
    return shown.pop() if len(shown) == 1 else ""


def _short(comparison: xr.Dataset, metric: str) -> str:
    """Return the name of an estimator of the dimension: what stands in brackets."""
    label = text(comparison[metric].attrs, "long_name") or metric.replace("_", " ")
    return label.partition("(")[2].rpartition(")")[0] or label


def _estimate_rows(comparison: xr.Dataset) -> list[tuple[str, list[str]]]:
    names, metrics = model_names(comparison), dimensions(comparison)
    columns = [
        [estimate(float(v), e) for v, e in zip(comparison[metric].values, errors(comparison, metric), strict=True)]
        for metric in metrics
    ]
    found = {name: list(row) for name, *row in zip(names, *columns, strict=True)}
    return [(name, found[name]) for name in order_models(comparison)] if metrics else []


def _citations(comparison: xr.Dataset) -> list[tuple[str, str]]:
    cited: dict[str, list[str]] = {}
    for variable in comparison.data_vars.values():
        if variable.attrs.get("citation"):
            label = text(variable.attrs, "long_name") or str(variable.name)
            cited.setdefault(str(variable.attrs["citation"]), []).append(label)
    return [(", ".join(labels), citation) for citation, labels in cited.items()]


def _json(content: Any) -> dict[str, Any]:
    try:
        read = json.loads(content) if isinstance(content, str) else content
    except json.JSONDecodeError:
        return {"": content}
    return read if isinstance(read, dict) else {}
