"""The study as a page of Markdown with its figures, and as data."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..analyses import ANALYSES, AnalysisInput, is_number
from ..atomic import write_atomically
from ..comparison import model_names, number
from ..figures import Figure, all_figures, perturbed_chart, specification, specification_curve, vega_lite_version
from ..options import json_text
from .findings import rows_of_models
from .plan import BESIDE, SHIFT, SHIFTS, StudyResults
from .rules import load_rules
from .shift_page import attribute_section, perturbed_section
from .specifications import Specification
from .statistics import real
from .study import Judged, StudyOutcome
from .verdict import INCONCLUSIVE, NOT_SUPPORTED, SUPPORTED, Tested

# Singular and plural of each verdict, after a number of claims.
VERDICTS = {
    SUPPORTED: ("is supported", "are supported"),
    NOT_SUPPORTED: ("is not supported", "are not supported"),
    INCONCLUSIVE: ("is inconclusive", "are inconclusive"),
}
# Title of each figure by file name, in the order of the page.
FIGURES = {
    "heat_map_cknna": "CKNNA of every pair",
    "tree": "Tree of models by CKNNA",
    "agreement": "A global and a local metric",
    "convergence": "Energy error and alignment with the best model",
    "intrinsic_dimension": "Intrinsic dimension of each representation",
    "regimes_cknna": "CKNNA of every pair, in {first} and in {second}",
    "regimes_cka": "Linear CKA of every pair, in {first} and in {second}",
    "dose": "Agreement in {second} against the distance from {first}",
    "sample_collapse": "Dimension around a sample of {second}, over that around a sample of {first}",
}
CHOICES = ("data set", "metric", "k", "centring", "composition", "layer", "pooling", "reference", "levels")


def write_page(outcome: StudyOutcome, folder: Path) -> Path:
    """Write ``README.md``, ``findings.json``, ``specifications.csv``, and the Comparison and figures of each set.

    Args:
        outcome: as `hyle.cli.study.study` returns it.
        folder: output folder, created if it does not exist.

    Returns:
        The path of the page.
    """
    import vl_convert

    from hyle.engine import save_comparison

    judged, panels, specifications = outcome.judged, outcome.panels, outcome.specifications
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {name: _drawn(name, panels) for name in panels}
    charts = {f"{name}/{figure}": chart for name, one in drawn.items() for figure, chart in one.charts.items()}
    charts |= {f"specifications/{name}": chart for name, chart in _curves(judged, specifications).items()}
    if outcome.perturbed:
        charts["perturbed"] = perturbed_chart(outcome.perturbed, "CKNNA")
    for name, panel in panels.items():
        save_comparison(panel.comparison, folder / f"{name}.nc")
    for name, chart in charts.items():
        svg = vl_convert.vegalite_to_svg(specification(chart), vl_version=vega_lite_version())
        write_atomically(folder / f"{name}.svg", svg.encode())
    data = {
        "rules_sha256": load_rules().sha256,
        "findings": [judged_data(one) for one in judged],
        "perturbed": [dataclasses.asdict(one) for one in outcome.perturbed],
        "attributes": [dataclasses.asdict(one) for one in outcome.attributes],
        "sets": {name: dict(panel.comparison.attrs) for name, panel in panels.items()},
    }
    write_atomically(folder / "findings.json", json_text(data).encode())
    if specifications:
        write_atomically(folder / "specifications.csv", _table(specifications).encode())
    return write_atomically(folder / "README.md", render(outcome, drawn).encode())


def judged_data(one: Judged) -> dict[str, Any]:
    """Return a claim with its finding and its verdict as plain data."""
    found = dataclasses.asdict(one.finding) | {"claim": one.claim.claim, "in_study": one.claim.in_study}
    del found["estimates"]
    verdict = dataclasses.asdict(one.verdict)
    for name, tested in verdict["tests"].items():
        tested["rule"] = dataclasses.asdict(one.claim.tests[name])
    return found | verdict


def render(outcome: StudyOutcome, drawn: Mapping[str, _Drawn]) -> str:
    """Return the page as Markdown."""
    judged, panels, specifications = outcome.judged, outcome.panels, outcome.specifications
    models = {model_names(panel.comparison)[i] for panel in panels.values() for i in real(panel.comparison)}
    claimed = Counter(one.verdict.verdict for one in judged if one.claim.in_study)
    version = next(iter(panels.values())).comparison.attrs["hyle_version"]
    rules = load_rules()
    lines = [
        "# The study, repeated on models that run from packages",
        "",
        "Edamadaka, Yang, Li and Gómez-Bombarelli (*Universally Converging Representations of Matter Across Scientific "
        "Foundation Models*, arXiv 2512.03750) compare 59 models. This page tests their findings on "
        f"{len(models)} of the models whose weights are in packages. Few of these are in the study, and none is among "
        "its best: the page shows whether the findings carry over to other models, not whether the study's numbers are "
        "right.",
        "",
        f"Of {claimed.total()} claims of the study: "
        + ", ".join(f"{count} {VERDICTS[verdict][count > 1]}" for verdict, count in claimed.most_common())
        + ". The findings about Orb's conservative and direct models and about large language models were not tested, "
        "because these weights are not in packages.",
        "",
        "**How a verdict is reached.** The statistics, the effects that would matter and the decision rules are "
        "registered in [`cli/study/rules.toml`](../../cli/study/rules.toml), SHA-256 "
        f"`{rules.sha256}`; the code reads them from there. They were written after an earlier version of this page, "
        "on many of the same models, and so are not blind to its results. A claim is *supported* if all of its tests "
        "are significant "
        f"(p ≤ {rules.level:g} after Holm's correction for {len(rules.claims)} claims) and no estimate is smaller than "
        "the smallest effect that matters. It is *not supported* if an effect that large is rejected for one of its "
        "tests (a one-sided test, with the same correction). Otherwise it is *inconclusive*; the power is the "
        f"probability that its weakest test gives p ≤ {rules.level:g} / {len(rules.claims)} if the effect is the "
        "smallest one that matters. Units are families of models, unless "
        "the table says samples. Powers follow from the intervals, also for tests by permutation. Error rates of these "
        "rules on noise, and their power on planted effects: `python -m bench.study_null`, "
        "[`bench/results/study_null.md`](../../bench/results/study_null.md).",
        "",
        f"This page is the output of `make study`, hyle {version}. Every number is in "
        "[`findings.json`](findings.json), and every score of every pair is in the `.nc` file of its set, for `hyle "
        "report` and `hyle analyse`.",
        "",
        "| | claim | result | verdict |",
        "| --- | --- | --- | --- |",
    ]
    for row, one in enumerate(judged, 1):
        claim = _cell(one.claim.claim) + ("" if one.claim.in_study else " *(not in the study)*")
        result = f"{_cell(one.finding.found)} *{_cell(one.finding.data)}*"
        lines.append(f"| {row} | {claim} | {result} | **{one.verdict.verdict}**{_evidence(one)} |")
    lines += ["", "## The tests", "", *_tests(judged)]
    curves = _curves(judged, specifications)
    if curves:
        lines += [
            "",
            "## Other specifications",
            "",
            f"The statistics under {len(specifications):,} specifications: metric, number of neighbours, centring, "
            "composition regressed out, each family left out, the reference model and the level of theory of claims "
            "about the best model, and all sets on which they are defined. At the registered number of neighbours also "
            "the layer in the middle, of models with three or more layers, and instead of the mean over atoms or "
            "tokens their sum, or their mean and variance, of models that have such rows; other models keep theirs. "
            "The verdict is on the large mark; thin lines are 95 % intervals, thick ones the range of the estimates "
            "without each of the families. All "
            "numbers are in [`specifications.csv`](specifications.csv).",
        ]
        statistics = {
            f"{one.claim.name}-{test}": rule.statistic for one in judged for test, rule in one.claim.tests.items()
        }
        lines += [
            f"\n**{_title(statistics[name])}**\n\n![{_title(statistics[name])}](specifications/{name}.svg)"
            for name in curves
        ]
    lines += [*perturbed_section(outcome.perturbed, SHIFT[0]), *attribute_section(outcome.attributes)]
    for name, panel in panels.items():
        attrs, size = panel.comparison.attrs, panel.comparison.sizes["model"]
        lines += [
            "",
            f"## {name}: {panel.plan.role}",
            "",
            f"{attrs['n']} samples that all {size} models and controls can read, k = {attrs['k']}, "
            f"{attrs['permutations']} permutations, {attrs['jackknife_groups']} jackknife groups.",
        ]
        if drawn[name].sentences:
            lines += [f"\nCompared with {SHIFTS[name]}:\n", *(f"- {line}" for line in drawn[name].sentences)]
        for figure in drawn[name].charts:
            title = FIGURES[figure].format(first=SHIFTS.get(name, ""), second=name)
            described = title if "{second}" in FIGURES[figure] else f"{title}, {name}"
            lines.append(f"\n**{title}**\n\n![{described}]({name}/{figure}.svg)")
    return "\n".join(lines) + "\n"


def _title(statistic: str) -> str:
    return statistic[:1].upper() + statistic[1:]


def _evidence(one: Judged) -> str:
    """Return what the verdict rests on: the corrected p-value that decided, or the power."""
    if one.verdict.verdict == SUPPORTED:
        return f" (p = {one.verdict.p:.2g})"
    if one.verdict.verdict == NOT_SUPPORTED:
        return f" (the smallest effect is rejected, p = {one.verdict.p_smallest_effect:.2g})"
    if not is_number(one.verdict.power):
        return " (a test has too few units for an interval)"
    return f" (power {number(one.verdict.power, 2)})"


def _tests(judged: Sequence[Judged]) -> list[str]:
    """Return the table of all tests."""
    lines = [
        "p is two-sided against no effect and 1 if the estimate is on the other side; the second p is one-sided "
        "against the smallest effect that matters. Both are before corrections; the power is after Holm's strictest "
        "one.",
        "",
        "| claim | statistic | unit | no effect | smallest effect | estimate | 95 % | p | p of the smallest effect "
        "| power |",
        "| --- | --- | --- | --: | --: | --: | --: | --: | --: | --: |",
    ]
    for row, one in enumerate(judged, 1):
        for name, tested in one.verdict.tests.items():
            rule = one.claim.tests[name]
            cells = (str(row), rule.statistic, f"{tested.estimate.units} {_unit(rule.unit)}")
            ends = (number(rule.null, 2), number(rule.smallest, 2))
            lines.append(f"| {' | '.join((*map(_cell, cells), *ends, *_numbers(tested)))} |")
    return lines


def _unit(unit: str) -> str:
    return "families" if "families" in unit else unit


def _numbers(tested: Tested) -> tuple[str, ...]:
    one = tested.estimate
    ends = f"{number(one.low, 2)} to {number(one.high, 2)}" if is_number(one.low) else "–"
    ps = (f"{p:.2g}" if is_number(p) else "–" for p in (tested.p, tested.p_smallest_effect))
    value = number(one.value, 2) if is_number(one.value) else "–"
    return (value, ends, *ps, number(tested.power, 2) if is_number(tested.power) else "–")


def _curves(judged: Sequence[Judged], specifications: Sequence[Specification]) -> dict[str, Any]:
    """Return the specification curve of each test that has one, by CLAIM-TEST."""
    charts = {}
    left_out: dict[tuple[Any, ...], list[float]] = {}
    for each in specifications:
        if each.without:
            left_out.setdefault(_choice(each), []).append(each.estimate.value)
    ranges = {choice: (min(values), max(values)) for choice, values in left_out.items()}
    for one in judged:
        for test, rule in one.claim.tests.items():
            rows = [
                {
                    "value": each.estimate.value,
                    "low": each.estimate.low if is_number(each.estimate.low) else None,
                    "high": each.estimate.high if is_number(each.estimate.high) else None,
                    "registered": each.registered,
                    "data set": each.dataset,
                    "metric": each.metric.replace("_", " "),
                    "k": str(each.k) if each.k else "none",
                    "centring": "centred" if each.centred else "not centred",
                    "composition": "regressed out" if each.composition else "as it is",
                    "layer": each.layer,
                    "pooling": each.pooling,
                    **dict(zip(("lowest", "highest"), ranges.get(_choice(each), (None, None)), strict=True)),
                    "reference": each.reference,
                    "levels": each.levels,
                }
                for each in specifications
                if (each.claim, each.test) == (one.claim.name, test) and not each.without
            ]
            if rows:
                title = rule.statistic if len(rule.statistic) < 40 else "estimate"
                charts[f"{one.claim.name}-{test}"] = specification_curve(
                    rows, [name for name in CHOICES if rows[0][name]], title, null=rule.null, smallest=rule.smallest
                )
    return charts


def _choice(one: Specification) -> tuple[Any, ...]:
    """Return what a specification has in common with those without one of the families."""
    return (
        *(one.claim, one.test, one.dataset, one.metric, one.k, one.centred, one.composition),
        *(one.layer, one.pooling, one.reference, one.levels),
    )


def _table(specifications: Sequence[Specification]) -> str:
    """Return all specifications as CSV."""
    text = io.StringIO()
    names = [field.name for field in dataclasses.fields(Specification) if field.name != "estimate"]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*names, "value", "low", "high", "p", "units"])
    for one in specifications:
        numbers = (one.estimate.value, one.estimate.low, one.estimate.high, one.estimate.p)
        shown = [f"{value:.6g}" if is_number(value) else "" for value in numbers]
        writer.writerow([*(getattr(one, name) for name in names), *shown, one.estimate.units])
    return text.getvalue()


@dataclass(frozen=True)
class _Drawn:
    """The charts of one set by file name, and what analyses of its shift say."""

    charts: dict[str, Any]
    sentences: list[str]


def _drawn(name: str, panels: StudyResults) -> _Drawn:
    """Draw one set; for a set out of distribution also the changes of pairs, models and samples."""
    panel, inside = panels[name], SHIFTS.get(name, "")
    inputs = {analysis: AnalysisInput(panel.comparison, "cknna") for analysis in ("convergence", "tree")}
    if inside in panels:
        inputs["regimes"] = AnalysisInput(panels[inside].comparison, "cknna", against=panel.comparison)
        first, second = (rows_of_models(panels[one], BESIDE) for one in (inside, name))
        both = AnalysisInput(
            panels[inside].comparison,
            "cknna",
            embeddings=first.rows,
            outside=second.rows,
            outside_ids=second.ids,
            groups=first.groups,
            outside_groups=second.groups,
        )
        inputs |= {"dose": both, "sample_collapse": both}
    figures: dict[str, Figure] = {}
    sentences: list[str] = []
    for analysis, question in inputs.items():
        result = ANALYSES[analysis].compute(question)
        if result is not None:
            figures |= ANALYSES[analysis].make_figures(result)
            sentences += ANALYSES[analysis].summarise(result) if analysis in ("dose", "sample_collapse") else []
    charts = all_figures(panel.comparison, figures)
    return _Drawn({figure: charts[figure] for figure in FIGURES if figure in charts}, sentences)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
