"""The study as a page of Markdown with its figures, and as data."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..analyses import ANALYSES, AnalysisInput
from ..atomic import write_atomically
from ..comparison import model_names
from ..figures import Figure, all_figures, specification, vega_lite_version
from ..options import json_text
from .findings import INCONCLUSIVE, NOT_SUPPORTED, PARTLY_SUPPORTED, SUPPORTED, Finding, real
from .plan import SHIFT, StudyResults

PLURAL = {
    SUPPORTED: "hold",
    PARTLY_SUPPORTED: "hold in part",
    NOT_SUPPORTED: "do not hold",
    INCONCLUSIVE: "cannot be told",
}
# By file name, in the order of the page, with what is read off them.
FIGURES = {
    "heat_map_cknna": "CKNNA of every pair",
    "tree": "Which models belong together, by CKNNA",
    "agreement": "A global metric against a local one",
    "convergence": "Energy error against alignment to the best model",
    "intrinsic_dimension": "Intrinsic dimension of each representation",
    "regimes_cknna": "CKNNA of every pair in distribution against out of it",
    "regimes_cka": "Linear CKA of every pair in distribution against out of it",
}


def write_page(found: Sequence[Finding], panels: StudyResults, folder: Path) -> Path:
    """Write ``README.md``, ``findings.json`` and, for each set, its Comparison and its figures.

    Args:
        found: as `hyle.cli.study.findings.findings` gives them.
        panels: what they rest on.
        folder: is made where it is not there.

    Returns:
        The path of the page.
    """
    import vl_convert

    from hyle.engine import save_comparison

    folder.mkdir(parents=True, exist_ok=True)
    for name, panel in panels.items():
        save_comparison(panel.comparison, folder / f"{name}.nc")
        for figure, chart in _figures(name, panels).items():
            svg = vl_convert.vegalite_to_svg(specification(chart), vl_version=vega_lite_version())
            write_atomically(folder / name / f"{figure}.svg", svg.encode())
    data = {
        "findings": [dataclasses.asdict(one) for one in found],
        "sets": {name: dict(panel.comparison.attrs) for name, panel in panels.items()},
    }
    write_atomically(folder / "findings.json", json_text(data).encode())
    return write_atomically(folder / "README.md", render(found, panels).encode())


def render(found: Sequence[Finding], panels: StudyResults) -> str:
    """Return the page as Markdown."""
    models = {model_names(panel.comparison)[i] for panel in panels.values() for i in real(panel)}
    claimed = Counter(one.verdict for one in found if one.of_study)
    version = next(iter(panels.values())).comparison.attrs["hyle_version"]
    lines = [
        "# The study, on what runs from packages alone",
        "",
        "What Edamadaka, Yang, Li and Gómez-Bombarelli report of 59 models (Universally Converging Representations of "
        "Matter Across Scientific Foundation Models, arXiv 2512.03750), and what hyle finds on "
        f"{len(models)} models whose weights lie in packages. Few of them are the study's own, and none is among its "
        "best: this tests whether the findings carry over to other models, not whether its numbers are right.",
        "",
        f"Of {claimed.total()} findings of the study: "
        + ", ".join(f"{count} {verdict if count == 1 else PLURAL[verdict]}" for verdict, count in claimed.most_common())
        + ". Those of Orb's conservative and direct models, and of large language models, need weights that are not "
        "here.",
        "",
        f"Written by `make study`, hyle {version}. Every number stands in [`findings.json`](findings.json), and every "
        "score of every pair in the `.nc` file of its set, for `hyle report` and `hyle analyse`. The rule behind a "
        "verdict stands beside its numbers in `cli/study/findings`: p-values at 0.05, intervals of 95 %.",
        "",
        "| | claim | what is found | |",
        "| --- | --- | --- | --- |",
    ]
    for row, one in enumerate(found, 1):
        claim = _cell(one.claim) + ("" if one.of_study else " *(not the study's)*")
        lines.append(f"| {row} | {claim} | {_cell(one.found)} *{_cell(one.data)}* | **{one.verdict}** |")
    for name, panel in panels.items():
        attrs, size = panel.comparison.attrs, panel.comparison.sizes["model"]
        lines += [
            "",
            f"## {name}: {panel.plan.role}",
            "",
            f"{attrs['n']} samples that all {size} models and controls take, k = {attrs['k']}, "
            f"{attrs['permutations']} permutations, {attrs['jackknife_groups']} parts left out for intervals.",
        ]
        lines += [
            f"\n**{FIGURES[figure]}**\n\n![{FIGURES[figure]}, {name}]({name}/{figure}.svg)"
            for figure in _figures(name, panels)
        ]
    return "\n".join(lines) + "\n"


def _figures(name: str, panels: StudyResults) -> dict[str, Any]:
    """Charts of one set; of the set out of distribution also those of what becomes of the pairs of the other."""
    panel = panels[name]
    asked = {analysis: AnalysisInput(panel.comparison, "cknna") for analysis in ("convergence", "tree")}
    inside, outside = SHIFT
    if name == outside and inside in panels:
        asked["regimes"] = AnalysisInput(panels[inside].comparison, "cknna", against=panel.comparison)
    drawn: dict[str, Figure] = {}
    for analysis, question in asked.items():
        found = ANALYSES[analysis].data(question)
        drawn |= ANALYSES[analysis].figures(found) if found is not None else {}
    charts = all_figures(panel.comparison, drawn)
    return {figure: charts[figure] for figure in FIGURES if figure in charts}


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
