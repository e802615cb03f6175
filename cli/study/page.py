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

# Singular and plural of each verdict, after a number of findings.
VERDICTS = {
    SUPPORTED: ("holds", "hold"),
    PARTLY_SUPPORTED: ("holds in part", "hold in part"),
    NOT_SUPPORTED: ("does not hold", "do not hold"),
    INCONCLUSIVE: ("is inconclusive", "are inconclusive"),
}
# Title of each figure by file name, in the order of the page.
FIGURES = {
    "heat_map_cknna": "CKNNA of every pair",
    "tree": "Tree of models by CKNNA",
    "agreement": "A global and a local metric",
    "convergence": "Energy error and alignment with the best model",
    "intrinsic_dimension": "Intrinsic dimension of each representation",
    "regimes_cknna": "CKNNA of every pair, in and out of distribution",
    "regimes_cka": "Linear CKA of every pair, in and out of distribution",
}


def write_page(findings: Sequence[Finding], panels: StudyResults, folder: Path) -> Path:
    """Write ``README.md``, ``findings.json`` and, for each set, its Comparison and its figures.

    Args:
        findings: as returned by `hyle.cli.study.findings`.
        panels: the compared sets that the findings are based on.
        folder: output folder, created if it does not exist.

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
        "findings": [dataclasses.asdict(one) for one in findings],
        "sets": {name: dict(panel.comparison.attrs) for name, panel in panels.items()},
    }
    write_atomically(folder / "findings.json", json_text(data).encode())
    return write_atomically(folder / "README.md", render(findings, panels).encode())


def render(findings: Sequence[Finding], panels: StudyResults) -> str:
    """Return the page as Markdown."""
    models = {model_names(panel.comparison)[i] for panel in panels.values() for i in real(panel)}
    claimed = Counter(one.verdict for one in findings if one.of_study)
    version = next(iter(panels.values())).comparison.attrs["hyle_version"]
    lines = [
        "# The study, repeated on models that run from packages",
        "",
        "Edamadaka, Yang, Li and Gómez-Bombarelli (*Universally Converging Representations of Matter Across Scientific "
        "Foundation Models*, arXiv 2512.03750) compare 59 models. This page tests their findings on "
        f"{len(models)} models whose weights are in packages. Few of these are in the study, and none is among its "
        "best: the page shows whether the findings carry over to other models, not whether the study's numbers are "
        "right.",
        "",
        f"Of {claimed.total()} findings of the study: "
        + ", ".join(f"{count} {VERDICTS[verdict][count > 1]}" for verdict, count in claimed.most_common())
        + ". The findings about Orb's conservative and direct models and about large language models were not tested, "
        "because these weights are not in packages.",
        "",
        f"This page is the output of `make study`, hyle {version}. Every number is in "
        "[`findings.json`](findings.json), and every score of every pair is in the `.nc` file of its set, for `hyle "
        "report` and `hyle analyse`. Each verdict follows from the numbers by a rule in `cli/study/findings`, at "
        "p = 0.05 and with 95 % intervals.",
        "",
        "| | claim | result | verdict |",
        "| --- | --- | --- | --- |",
    ]
    for row, one in enumerate(findings, 1):
        claim = _cell(one.claim) + ("" if one.of_study else " *(not in the study)*")
        lines.append(f"| {row} | {claim} | {_cell(one.found)} *{_cell(one.data)}* | **{one.verdict}** |")
    for name, panel in panels.items():
        attrs, size = panel.comparison.attrs, panel.comparison.sizes["model"]
        lines += [
            "",
            f"## {name}: {panel.plan.role}",
            "",
            f"{attrs['n']} samples that all {size} models and controls can read, k = {attrs['k']}, "
            f"{attrs['permutations']} permutations, {attrs['jackknife_groups']} jackknife groups.",
        ]
        lines += [
            f"\n**{FIGURES[figure]}**\n\n![{FIGURES[figure]}, {name}]({name}/{figure}.svg)"
            for figure in _figures(name, panels)
        ]
    return "\n".join(lines) + "\n"


def _figures(name: str, panels: StudyResults) -> dict[str, Any]:
    """Return the charts of one set; for the set out of distribution also those of the change of the pairs."""
    panel = panels[name]
    inputs = {analysis: AnalysisInput(panel.comparison, "cknna") for analysis in ("convergence", "tree")}
    inside, outside = SHIFT
    if name == outside and inside in panels:
        inputs["regimes"] = AnalysisInput(panels[inside].comparison, "cknna", against=panel.comparison)
    drawn: dict[str, Figure] = {}
    for analysis, question in inputs.items():
        result = ANALYSES[analysis].compute(question)
        drawn |= ANALYSES[analysis].make_figures(result) if result is not None else {}
    charts = all_figures(panel.comparison, drawn)
    return {figure: charts[figure] for figure in FIGURES if figure in charts}


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
