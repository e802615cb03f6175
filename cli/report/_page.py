"""Rendering of the HTML page."""

from __future__ import annotations

import base64
import gzip
import json
import os
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import analyses
from ..atomic import write_atomically
from ..comparison import (
    CONTROL,
    NOT_SIGNIFICANT,
    UNRESOLVED,
    PairScores,
    long_table,
    modalities,
    model_names,
    per_model,
    read_scores,
    text,
)
from ..figures import DARK, MIN_PAIRS, Figure, cluster_models, figure_tables, specification
from ._contested import contested_row
from ._controls import with_named_controls
from ._environment import environment
from ._findings import answer, dataset_name
from ._maps import map_parts
from ._matrix import PRINTED, as_json, matrix_parts
from ._recipes import recipe_table
from ._references import references
from ._rows import (
    count_significant,
    model_table,
    note_meanings,
    one_chance,
    pair_rows,
    read_json,
    strongest_pairs,
    swatches,
)
from ._sections import comparison_figures
from ._static import inline
from ._style import score_styles
from ._two import two_parts

if TYPE_CHECKING:
    import xarray as xr

# With more metrics than this, the metric is chosen from a list instead of tabs, and the columns of `_MAIN` are shown
# first in the table of pairs.
_TABS = 7
_MAIN = ("cka", "cka_rbf", "distance_correlation", "mutual_knn", "cknna", "information_imbalance")
# Pairs that are printed on paper, about two sheets; the CSV file has all.
_PRINTED_PAIRS = 100


def write_report(
    comparison: xr.Dataset, path: str | os.PathLike[str], results: Mapping[str, Any] | None = None
) -> Path:
    """Write the report of a Comparison and the results of its analyses as one HTML file, atomically; return its path.

    Figures, scripts and styles are inside the file, which makes no network request.

    Args:
        comparison: with at least one pair metric.
        path: of the file.
        results: as returned by `hyle.cli.analyses.run_analyses`; default none.
    """
    return write_atomically(path, render_report(comparison, results).encode())


def render_report(comparison: xr.Dataset, results: Mapping[str, Any] | None = None) -> str:
    """Return the report as HTML text."""
    comparison, results = with_named_controls(comparison), results or {}
    attrs, scores = comparison.attrs, read_scores(comparison)
    names, kinds = model_names(comparison), modalities(comparison)
    clustering = cluster_models(comparison, scores)
    order = clustering.order
    found = analyses.figures({name: result for name, result in results.items() if name != "map"})
    figures = _in_order(comparison_figures(comparison, scores), found)
    charts = {name: figure.chart for name, figure in figures.items()}
    specs = {name: specification(chart) for name, chart in charts.items()}
    top = answer(comparison, scores, [*analyses.findings(results), *_too_few(len(names))])
    matrix = matrix_parts(comparison, scores, clustering)
    maps = map_parts(results["map"]) if "map" in results else None
    headings, models = model_table(comparison, order)
    colours = swatches(comparison)
    recipes = read_json(attrs.get("recipe"))
    long = long_table(comparison)
    tables = {name: table.to_csv(index=False) for name, table in figure_tables(comparison, specs, long).items()}
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            title=text(attrs, "title") or "Alignment of representations",
            top=top,
            contested=contested_row(results.get("contested")),
            attrs=defaultdict(str, {str(key): str(value) for key, value in attrs.items()}),
            dataset=dataset_name(comparison),
            scores=list(scores.values()),
            two=two_parts(comparison, scores, names) if scores and len(names) == 2 else None,
            matrix=matrix,
            printed=PRINTED,
            upper=_second_metrics(scores),
            tabs=_TABS,
            shown=[name for name in _MAIN if name in scores] or list(scores)[: len(_MAIN)],
            significant={name: count_significant(score, score.pairs()) for name, score in scores.items()},
            strongest={name: strongest_pairs(comparison, score, order) for name, score in scores.items()},
            not_significant=NOT_SIGNIFICANT if any(score.permutations for score in scores.values()) else "",
            unresolved=UNRESOLVED,
            fixed={name: chance for name, score in scores.items() if (chance := one_chance(score))},
            figures=figures,
            drawn={name: inline(spec, name, order) for name, spec in specs.items()},
            descriptions={name: spec.get("description", "") for name, spec in specs.items()},
            maps=maps,
            map_figure=analyses.figures({"map": results["map"]})["map"] if maps else None,
            groups=_groups(comparison, order),
            swatches=colours,
            dark=DARK,
            score_styles=score_styles(),
            headings=headings,
            models=models,
            notes=note_meanings(models),
            pairs=pair_rows(comparison, scores, order),
            printed_pairs=_PRINTED_PAIRS,
            controls=[name for name, kind in zip(names, kinds, strict=True) if kind == CONTROL],
            versions=read_json(attrs.get("versions")),
            recipes=recipe_table(recipes) if recipes else None,
            references=references(comparison),
            data=as_json({**matrix["data"], "maps": maps["data"] if maps else None}),
            tables=_packed({**tables, "scores": long.to_csv(index=False)}),
        )
    )


def _in_order(plain: Mapping[str, Figure], found: Mapping[str, Figure]) -> dict[str, Figure]:
    """Return all figures by their evidence: significant results, descriptions, results that are not significant."""
    every = {**found, **plain}
    # Among equals those of the Comparison alone come last, except for the tree and the information of single models.
    return dict(sorted(every.items(), key=lambda item: item[1].evidence))


def _too_few(m: int) -> list[analyses.NotSignificant]:
    """Return why figures of a small panel are missing."""
    pairs = m * (m - 1) // 2
    if m > 2 and pairs < MIN_PAIRS:
        return [
            analyses.NotSignificant(
                f"{pairs} pairs of {m} models are too few to compare metrics or directions in a figure; at least "
                f"{MIN_PAIRS} pairs are needed."
            )
        ]
    return []


def _second_metrics(scores: Mapping[str, PairScores]) -> dict[str, str]:
    """Return the metric of the upper half of each heat map: a local one beside a global one, and the reverse.

    A directed metric fills both halves.
    """
    undirected = [name for name, score in scores.items() if not score.directed]
    halves = {}
    for name, score in scores.items():
        others = [other for other in undirected if (scores[other].k is None) != (score.k is None)]
        preferred = [other for other in ("cknna", "mutual_knn", "cka") if other in others]
        halves[name] = name if score.directed else next(iter([*preferred, *others]), name)
    return halves


def _groups(comparison: xr.Dataset, order: list[str]) -> dict[str, dict[str, str]]:
    """Return the possible selections: modalities, families of several models, single models.

    Each has the positions of its models in `order`, separated by spaces.
    """
    place, groups = {name: str(i) for i, name in enumerate(order)}, {}
    for fact in ("modality", "family"):
        members: dict[str, list[str]] = {}
        for name, value in zip(model_names(comparison), per_model(comparison, fact), strict=True):
            if value:
                members.setdefault(str(value), []).append(place[name])
        kept = {value: " ".join(at) for value, at in sorted(members.items()) if fact == "modality" or len(at) > 1}
        if len(members) > 1 and kept:
            groups[fact] = kept
    return groups | {"model": place}


def _packed(tables: Mapping[str, str]) -> str:
    """Return tables as CSV, by name, as JSON, compressed and in base64."""
    return base64.b64encode(gzip.compress(json.dumps(dict(tables)).encode(), 6, mtime=0)).decode()
