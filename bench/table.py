"""The Markdown tables of a results file."""

from __future__ import annotations

from typing import Any

from .gpu import gpu_lines
from .metrics import METRICS
from .results import DEFINITION, ENGINE, Results, exponent, relative_error, study_sum
from .text import memory, rows_of, seconds, times


def _value(value: Any) -> str:
    if isinstance(value, list):
        return " / ".join(_value(item) for item in value)
    return "NaN" if value is None else f"{value:.6g}"


def _error(row: dict[str, Any], truth: dict[str, Any] | None) -> str:
    if truth is None:
        return ""
    error = relative_error(row["value"], truth["value"])
    text = "NaN" if error is None else f"{error:.1e}"
    return text if row["exact"] else f"({text})"


def _title(metric: str) -> str:
    return METRICS[metric].title if metric in METRICS else metric


def _all_pairs(results: Results, case: dict[str, Any]) -> list[str]:
    name, m = case["name"], len(case["widths"])
    rows = []
    for metric in METRICS:
        engine = results.find(name, ENGINE, metric)
        for row in ([engine] if engine else []) + results.peers(name, metric):
            note = f"scaled from {row['scaled_from']} pairs" if row.get("scaled_from") else ""
            cells = [_title(metric), row["tool"], row["variant"], seconds(row), seconds(row, "cpu")]
            rows.append([*cells, seconds(row, "first"), memory(row), times(row, engine) if row != engine else "", note])
    head = ("metric", "tool", "method", "seconds", "CPU s", "first call", "peak memory", "times the engine's", "")
    widths = f"{min(case['widths'])} to {max(case['widths'])}"
    lines = [f"## All pairs: {m} models, {case['n']:,} samples, width {widths}", "", *rows_of(head, rows), ""]
    return lines + _study(results, name) + _gram(results, name)


def _study(results: Results, name: str) -> list[str]:
    study = results.find(name, ENGINE, "study")
    if study is None:
        return []
    total, fastest, missing = study_sum(results, name)
    cost = f"{seconds(study)}, {seconds(study, 'cpu')} of CPU, {memory(study)}, first call {seconds(study, 'first')}"
    if study.get("peak_warm") is not None:
        cost += f"; a call that compiles nothing adds {memory(study, 'peak_warm')} to the memory in use before it"
    ratio = f", {total / study['seconds']:.2g} times the engine's"
    gap = f"; without {', '.join(missing)}, for which no peer was measured" if missing else ratio
    packages, names, lacking = study_sum(results, name, packages=True)
    note = f"; none was measured for {', '.join(lacking)}" if lacking else ""
    return [
        f"All metrics of the study at once ({', '.join(study['value'])}): {cost}. "
        f"The fastest peer for each, summed: {total:.3g} s{gap} ({'; '.join(fastest)}).",
        "",
        f"Only packages, the fastest for each, summed: {packages:.4g} s, {packages / study['seconds']:.3g} times the "
        f"engine's ({'; '.join(names)}){note}.",
        "",
    ]


def _gram(results: Results, name: str) -> list[str]:
    study = results.find(name, ENGINE, "study")
    bare = [(tool, results.find(name, tool, "gram")) for tool in ("JAX", "torch")]
    measured = [f"{tool} {seconds(row)}" for tool, row in bare if row]
    if not measured:
        return []
    ratios = [f"{times(study, row)} of {tool}'s" for tool, row in bare if row and study]
    whole = f"; all metrics of the study take {' and '.join(ratios)}" if ratios else ""
    return [f"One `x @ x.T` per model and nothing else: {', '.join(measured)}{whole}.", ""]


def _pairs(results: Results) -> list[str]:
    cases = results.named("pair")
    rows = []
    for metric in METRICS:
        tools = dict.fromkeys(row["tool"] for case in cases for row in results.done(case["name"]))
        for tool in tools:
            measured = [results.find(case["name"], tool, metric) for case in cases]
            if any(measured):
                rows.append([_title(metric), tool, *(f"{seconds(r)} {memory(r)}".strip() for r in measured)])
    head = ("metric", "tool", *(f"{case['n']:,} x {case['widths'][0]}" for case in cases))
    return ["## One pair: seconds, peak memory", "", *rows_of(head, rows), ""] if rows else []


def _values(results: Results) -> list[str]:
    near, far = results.named("pair")[:1], results.named("pair", far=True)[:1]
    names = [case["name"] for case in near + far]
    rows = []
    for metric in METRICS:
        tools = dict.fromkeys([ENGINE, *(row["tool"] for name in names for row in results.done(name))])
        for tool in tools:
            cells, variant = [], ""
            for name in names:
                row, truth = results.find(name, tool, metric), results.find(name, DEFINITION, metric)
                cells += [_value(row["value"]), _error(row, truth)] if row else ["", ""]
                variant = row["variant"] if row else variant
            if any(cells):
                rows.append([_title(metric), tool, variant, *cells])
    titles = [f"{'far' if case['far'] else ''} {case['n']:,} x {case['widths'][0]}".strip() for case in near + far]
    head = ("metric", "tool", "method", *(text for title in titles for text in (title, "relative error")))
    caption = (
        "Errors are relative to the float64 definition; in brackets if the tool uses another convention. "
        "Far: 200 standard deviations from the origin."
    )
    return ["## Values", "", caption, "", *rows_of(head, rows), ""] if rows else []


def _scaling(results: Results) -> list[str]:
    cases = results.named("all", extra=True)
    rows = []
    for metric in [*METRICS, "study"]:
        for tool in dict.fromkeys(row["tool"] for case in cases for row in results.done(case["name"])):
            measured = [results.find(case["name"], tool, metric) for case in cases]
            if not any(measured):
                continue
            slope = exponent((c["n"], r["seconds"]) for c, r in zip(cases, measured, strict=True) if r)
            cells = [f"{seconds(r)} {memory(r)}".strip() for r in measured]
            rows.append([_title(metric), tool, *cells, "" if slope is None else f"{slope:.2f}"])
    head = ("metric", "tool", *(f"n = {case['n']:,}" for case in cases), "exponent of n")
    return ["## Scaling: 4 models, width 256, all pairs", "", *rows_of(head, rows), ""] if rows else []


def _skipped(results: Results) -> list[str]:
    by_reason: dict[tuple[str, str], dict[str, list[str]]] = {}
    for row in results.skipped():
        metrics = by_reason.setdefault((f"{row['tool']} {row['version']}".strip(), row["skipped"]), {})
        metrics.setdefault(_title(row["metric"]), []).append(row["case"])
    rows = [
        (tool, "; ".join(f"{metric}: {', '.join(cases)}" for metric, cases in metrics.items()), reason)
        for (tool, reason), metrics in by_reason.items()
    ]
    return ["## Skipped", "", *rows_of(("tool", "metric and cases", "reason"), rows), ""] if rows else []


def markdown(results: Results) -> str:
    """Format all tables of a results file."""
    facts = results.machine
    size = f", {facts['memory'] / 2**30:.0f} GiB" if facts.get("memory") else ""
    versions = results.versions.get("hyle", {})
    source = f"{facts['cpu']}, {facts['cores']} cores{size}, Python {facts['python']}"
    used = {(row["package"], row["version"], row["note"]) for row in results.measurements if row["version"]}
    peers = ", ".join(f"{name} {version}" + (f" ({note})" if note else "") for name, version, note in sorted(used))
    lines = [
        "# The engine and its peers",
        "",
        f"{source}; hyle at {facts['commit']}, JAX {versions.get('jax', 'unknown')}; {facts['date']}. Float32 inputs. "
        "Each time is the best of several warm calls in a separate process. The peak memory is the growth of the "
        "resident memory, including compilation. \\* marks a time during which other processes used more than half a "
        "core.",
        "",
    ]
    for case in results.named("all"):
        lines += _all_pairs(results, case)
    lines += _pairs(results) + _values(results) + _scaling(results) + gpu_lines(results) + _skipped(results)
    return "\n".join([*lines, f"Peers: {peers}." if peers else "", ""])
