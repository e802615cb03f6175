"""The Markdown table of a results file."""

from __future__ import annotations

from typing import Any

from .gpu import gpu_lines
from .metrics import METRICS
from .results import DEFINITION, ENGINE, Results, exponent, relative_error, study_sum
from .text import memory, rows_of, seconds, times


def _value(value: Any) -> str:
    if isinstance(value, list):
        return " / ".join(_value(one) for one in value)
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
        own = results.find(name, ENGINE, metric)
        for row in ([own] if own else []) + results.peers(name, metric):
            note = f"scaled from {row['scaled_from']} pairs" if row.get("scaled_from") else ""
            cells = [_title(metric), row["tool"], row["variant"], seconds(row), seconds(row, "cpu")]
            rows.append([*cells, seconds(row, "first"), memory(row), times(row, own) if row != own else "", note])
    head = ("metric", "tool", "how", "seconds", "CPU s", "first call", "peak memory", "of the engine's", "")
    widths = f"{min(case['widths'])} to {max(case['widths'])}"
    lines = [f"## All pairs: {m} models, {case['n']:,} samples, width {widths}", "", *rows_of(head, rows), ""]
    return lines + _study(results, name) + _gram(results, name)


def _study(results: Results, name: str) -> list[str]:
    study = results.find(name, ENGINE, "study")
    if study is None:
        return []
    total, named, missing = study_sum(results, name)
    told = f"{seconds(study)}, {seconds(study, 'cpu')} of CPU, {memory(study)}, first call {seconds(study, 'first')}"
    if study.get("peak_warm") is not None:
        told += f"; a call that compiles nothing takes {memory(study, 'peak_warm')} more than what is there before it"
    ratio = f", {total / study['seconds']:.2g} times the engine's"
    gap = f"; without {', '.join(missing)}, for which none was measured" if missing else ratio
    alone, ours, lacking = study_sum(results, name, packages=True)
    bare = f"; none was measured for {', '.join(lacking)}" if lacking else ""
    return [
        f"All metrics of the study at once ({', '.join(study['value'])}): {told}. "
        f"The fastest peer for each, summed: {total:.3g} s{gap} ({'; '.join(named)}).",
        "",
        f"Packages alone, the fastest for each: {alone:.4g} s, {alone / study['seconds']:.3g} times the engine's "
        f"({'; '.join(ours)}){bare}.",
        "",
    ]


def _gram(results: Results, name: str) -> list[str]:
    study = results.find(name, ENGINE, "study")
    bare = [(tool, results.find(name, tool, "gram")) for tool in ("JAX", "torch")]
    told = [f"{tool} {seconds(row)}" for tool, row in bare if row]
    if not told:
        return []
    ratios = [f"{times(study, row)} of {tool}'s" for tool, row in bare if row and study]
    whole = f"; the study takes {' and '.join(ratios)}" if ratios else ""
    return [f"One `x @ x.T` per model and nothing else: {', '.join(told)}{whole}.", ""]


def _pairs(results: Results) -> list[str]:
    cases = results.named("pair")
    rows = []
    for metric in METRICS:
        tools = dict.fromkeys(one["tool"] for case in cases for one in results.done(case["name"]))
        for tool in tools:
            found = [results.find(case["name"], tool, metric) for case in cases]
            if any(found):
                rows.append([_title(metric), tool, *(f"{seconds(r)} {memory(r)}".strip() for r in found)])
    head = ("metric", "tool", *(f"{case['n']:,} x {case['widths'][0]}" for case in cases))
    return ["## One pair: seconds, peak memory", "", *rows_of(head, rows), ""] if rows else []


def _values(results: Results) -> list[str]:
    near, far = results.named("pair")[:1], results.named("pair", far=True)[:1]
    names = [case["name"] for case in near + far]
    rows = []
    for metric in METRICS:
        tools = dict.fromkeys([ENGINE, *(one["tool"] for name in names for one in results.done(name))])
        for tool in tools:
            cells, variant = [], ""
            for name in names:
                row, truth = results.find(name, tool, metric), results.find(name, DEFINITION, metric)
                cells += [_value(row["value"]), _error(row, truth)] if row else ["", ""]
                variant = row["variant"] if row else variant
            if any(cells):
                rows.append([_title(metric), tool, variant, *cells])
    titles = [f"{'far' if case['far'] else ''} {case['n']:,} x {case['widths'][0]}".strip() for case in near + far]
    head = ("metric", "tool", "how", *(text for title in titles for text in (title, "relative error")))
    words = (
        "Against the float64 definition; far: 200 standard deviations from the origin; in brackets: another convention."
    )
    return ["## Values", "", words, "", *rows_of(head, rows), ""] if rows else []


def _scaling(results: Results) -> list[str]:
    cases = results.named("all", extra=True)
    rows = []
    for metric in [*METRICS, "study"]:
        for tool in dict.fromkeys(one["tool"] for case in cases for one in results.done(case["name"])):
            found = [results.find(case["name"], tool, metric) for case in cases]
            if not any(found):
                continue
            slope = exponent((c["n"], r["seconds"]) for c, r in zip(cases, found, strict=True) if r)
            cells = [f"{seconds(r)} {memory(r)}".strip() for r in found]
            rows.append([_title(metric), tool, *cells, "" if slope is None else f"{slope:.2f}"])
    head = ("metric", "tool", *(f"n = {case['n']:,}" for case in cases), "exponent of n")
    return ["## Scaling: 4 models, width 256, all pairs", "", *rows_of(head, rows), ""] if rows else []


def _skipped(results: Results) -> list[str]:
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for one in results.skipped():
        metrics = found.setdefault((f"{one['tool']} {one['version']}".strip(), one["skipped"]), {})
        metrics.setdefault(_title(one["metric"]), []).append(one["case"])
    rows = [
        (tool, "; ".join(f"{metric}: {', '.join(cases)}" for metric, cases in metrics.items()), reason)
        for (tool, reason), metrics in found.items()
    ]
    return ["## Skipped", "", *rows_of(("tool", "on", "reason"), rows), ""] if rows else []


def markdown(results: Results) -> str:
    """Return the whole table."""
    facts = results.machine
    size = f", {facts['memory'] / 2**30:.0f} GiB" if facts.get("memory") else ""
    versions = results.versions.get("hyle", {})
    where = f"{facts['cpu']}, {facts['cores']} cores{size}, Python {facts['python']}"
    used = {(one["package"], one["version"], one["note"]) for one in results.measurements if one["version"]}
    peers = ", ".join(f"{name} {version}" + (f" ({note})" if note else "") for name, version, note in sorted(used))
    lines = [
        "# The engine and its peers",
        "",
        f"{where}; hyle at {facts['commit']}, JAX {versions.get('jax', 'unknown')}; {facts['date']}. Float32 inputs. "
        "Each time is the best of several warm calls in a process of its own; the peak is what the resident memory "
        "grew by, compilation included; \\* marks a time during which others had more than half a core.",
        "",
    ]
    for case in results.named("all"):
        lines += _all_pairs(results, case)
    lines += _pairs(results) + _values(results) + _scaling(results) + gpu_lines(results) + _skipped(results)
    return "\n".join([*lines, f"Peers: {peers}." if peers else "", ""])
