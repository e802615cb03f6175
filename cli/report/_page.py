"""Rendering of the HTML page."""

from __future__ import annotations

import base64
import functools
import os
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import analyses
from ..atomic import write_atomically
from ..comparison import (
    CONTROL,
    NOT_SIGNIFICANT,
    UNRESOLVED,
    errors,
    long_table,
    modalities,
    model_names,
    per_model,
    read_scores,
    text,
)
from ..figures import (
    DARK,
    IMBALANCE,
    agreement_axes,
    all_figures,
    dimensions,
    figure_tables,
    specification,
    vega_lite_version,
)
from ._findings import summary
from ._linked import linked
from ._rows import (
    FACTS,
    NUMERIC,
    citations,
    count_significant,
    estimate_rows,
    model_rows,
    one_chance,
    pair_rows,
    read_json,
    short,
    swatches,
)

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

# With more metrics than this, the metric is chosen from a list instead of tabs, and the columns of `_MAIN` are shown
# first in the table of pairs.
_TABS = 8
_MAIN = ("cka", "cka_rbf", "distance_correlation", "mutual_knn", "cknna", "information_imbalance")


def write_report(
    comparison: xr.Dataset, path: str | os.PathLike[str], results: Mapping[str, Any] | None = None
) -> Path:
    """Write the report of a Comparison and the results of its analyses as one HTML file, atomically; return its path.

    Charts, scripts and styles are inside the file, which makes no network request.

    Args:
        comparison: with at least one pair metric.
        path: of the file.
        results: as returned by `hyle.cli.analyses.run_analyses`; default none.
    """
    return write_atomically(path, render_report(comparison, results).encode())


def render_report(comparison: xr.Dataset, results: Mapping[str, Any] | None = None) -> str:
    """Return the report as HTML text."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent.parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    attrs, scores = comparison.attrs, read_scores(comparison)
    names, kinds = model_names(comparison), modalities(comparison)
    axes = agreement_axes(scores)
    figures = analyses.figures(results or {})
    charts = all_figures(comparison, figures, scores)
    tables = figure_tables(comparison, charts)
    models = model_rows(comparison)
    panel, *rest = summary(comparison, scores)
    return environment.get_template("report.html.j2").render(
        title=text(attrs, "title") or "Alignment of representations",
        panel=panel,
        findings=[*rest, *analyses.findings(results or {})],
        attrs=defaultdict(str, {str(key): str(value) for key, value in attrs.items()}),
        scores=list(scores.values()),
        tabs=_TABS,
        shown=[name for name in _MAIN if name in scores] or list(scores)[: len(_MAIN)],
        significant={name: count_significant(score, score.pairs()) for name, score in scores.items()},
        not_significant=NOT_SIGNIFICANT if any(score.permutations for score in scores.values()) else "",
        unresolved=UNRESOLVED,
        fixed={name: chance for name, score in scores.items() if (chance := one_chance(score))},
        dimensions={metric: short(comparison, metric) for metric in dimensions(comparison)},
        estimates=estimate_rows(comparison),
        with_errors=any(np.isfinite(errors(comparison, metric)).any() for metric in dimensions(comparison)),
        agreement=[scores[name] for name in axes or ()],
        recipes_of={name: _recipe(comparison, name, axes) for name in charts if name not in figures},
        figures=figures,
        regimes=[name for name in figures if name.startswith("regimes_")],
        specs={name: linked(specification(chart)) for name, chart in charts.items()},
        data={name: _csv(table) for name, table in tables.items()},
        groups=_groups(comparison),
        dark=DARK,
        swatches=swatches(comparison),
        models=models,
        facts={key: title for key, title in FACTS.items() if any(row[key] != "–" for row in models)},
        numeric=NUMERIC,
        pairs=pair_rows(comparison, scores),
        controls=[name for name, kind in zip(names, kinds, strict=True) if kind == CONTROL],
        versions=read_json(attrs.get("versions")),
        recipes=read_json(attrs.get("recipe")),
        citations=citations(comparison),
        csv=_csv(long_table(comparison)),
        vega=vega(),
    )


def _recipe(comparison: xr.Dataset, name: str, axes: tuple[str, str] | None) -> str:
    """Return the provenance of a figure that is not of an analysis, in one line: metric, estimator, k and n."""
    metrics = {"agreement": axes or (), "imbalance": (IMBALANCE,)}
    recipes = []
    for metric in metrics.get(name, (name,)):
        attrs = comparison[metric].attrs if metric in comparison else {}
        facts = [text(attrs, "long_name"), text(attrs, "estimator")]
        facts += [f"{key} = {attrs[key]}" for key in ("k", "n") if key in attrs]
        recipes.append(", ".join(dict.fromkeys(filter(None, facts))))
    return "; ".join(filter(None, recipes))


def _groups(comparison: xr.Dataset) -> dict[str, dict[str, list[str]]]:
    """Return the possible selections, each with its models: modalities, families of several models, single models."""
    names, groups = model_names(comparison), {}
    for fact in ("modality", "family"):
        members: dict[str, list[str]] = {}
        for name, value in zip(names, per_model(comparison, fact), strict=True):
            if value:
                members.setdefault(str(value), []).append(name)
        kept = {value: models for value, models in sorted(members.items()) if fact == "modality" or len(models) > 1}
        if len(members) > 1 and kept:
            groups[fact] = kept
    return groups | {"model": {name: [name] for name in names}}


def _csv(table: pd.DataFrame) -> str:
    return base64.b64encode(table.to_csv(index=False).encode()).decode()


# The bundle of vl-convert has none of the notices that its licences ask for.
VEGA_NOTICE = """/*! Vega, Vega-Lite and Vega-Embed: Copyright (c) University of Washington Interactive Data Lab.
All rights reserved. BSD 3-Clause License. With D3: Copyright (c) Mike Bostock. ISC License.
Redistribution and use in source and binary forms, with or without modification, are permitted provided that the
conditions of these licences are met; this software is provided "as is", without warranties of any kind.
https://github.com/vega/vega/blob/main/LICENSE https://github.com/d3/d3/blob/main/LICENSE */
"""


@functools.cache
def vega() -> str:
    """Return the script that draws the charts: Vega, Vega-Lite and Vega-Embed in one."""
    import vl_convert

    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=vega_lite_version())
    return VEGA_NOTICE + bundle
