"""The summary of a run as Markdown."""

from __future__ import annotations

from typing import Any

from ..text import memory, rows_of, seconds

HEAD = ("stage", "measured", "figure", "ratio", "bound")
SCALES = {"FLOP/s": (1e12, "TFLOP/s"), "B/s": (1e9, "GB/s")}


def markdown(record: dict[str, Any]) -> str:
    """Return title, table and source of a results file."""
    info = record["machine"]
    caption = (
        "A lower bound (≥) is the time of the products alone at the measured peak of float32; an upper bound (≤) is "
        "what is acceptable. Times are the best of several calls after the first, of the study those of the first call."
    )
    source = f"{info['cpu']}, {info['cores']} cores, {info['date']}, commit {info['commit']}."
    size = " with small inputs" if record["quick"] else ""
    lines = [f"# Accelerator{size}", "", caption, "", *rows_of(HEAD, _rows(record)), "", source, ""]
    return "\n".join(lines)


def _rows(record: dict[str, Any]) -> list[list[str]]:
    found = []
    for name, stage in record["stages"].items():
        for row in stage["rows"]:
            figure = f"skipped: {row['skipped']}" if row["skipped"] else shown(row["figure"], row["unit"])
            found.append([name, row["what"], figure, _ratio(row), _bound(row)])
        if stage["state"] != "done":
            found.append([name, stage["state"], stage["error"], "", ""])
    return found


def shown(figure: float | str | None, unit: str) -> str:
    """Return a figure with its unit."""
    if figure is None or isinstance(figure, str):
        return figure or ""
    if unit == "s":
        return seconds({"seconds": figure})
    if unit == "bytes":
        return memory({"peak": figure})
    if unit in SCALES:
        scale, unit = SCALES[unit]
        return f"{figure / scale:.3g} {unit}"
    if unit == "difference":
        return f"{figure:.1e}" if figure else "0"
    return f"{figure:.2%}" if unit == "share" else f"{figure:,.4g} {unit}".rstrip()


def _ratio(row: dict[str, Any]) -> str:
    return "" if row["ratio"] is None else f"{row['ratio']:.3g} x {row['to']}"


def _bound(row: dict[str, Any]) -> str:
    if row["bound"] is None:
        return ""
    return f"{'≥' if row['side'] == 'least' else '≤'} {shown(row['bound'], row['unit'])}"
