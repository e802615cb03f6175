"""Charts that share one selection of models."""

from __future__ import annotations

from typing import Any

PICKED = "picked"
_FAINT = 0.08


def linked(spec: dict[str, Any]) -> dict[str, Any]:
    """Return a specification in which the marks of models that are not selected fade.

    The specification gets a parameter ``picked``: null, or the names of models. In every kind of chart, the mark of a
    pair stays visible where one of its two models is selected. A mark without a model stays visible.
    """
    rows = {name: data[0] if data else {} for name, data in spec.get("datasets", {}).items()}
    return _walk(spec, rows, {}) | {"params": [*spec.get("params", []), {"name": PICKED, "value": None}]}


def _walk(node: dict[str, Any], rows: dict[str, dict[str, Any]], row: dict[str, Any]) -> dict[str, Any]:
    row = rows.get(node.get("data", {}).get("name", ""), row)
    result = dict(node)
    for inner in ("layer", "hconcat", "vconcat", "concat"):
        if inner in node:
            result[inner] = [_walk(child, rows, row) for child in node[inner]]
    if "spec" in node:
        result["spec"] = _walk(node["spec"], rows, row)
    ends = [end for end in ("model", "other") if end in row]
    if "mark" in node and ends:
        mark = node["mark"] if isinstance(node["mark"], dict) else {"type": node["mark"]}
        test = " || ".join(f"indexof({PICKED}, datum.{end}) >= 0" for end in ends)
        # An encoding overrides the opacity of the mark, so that this is part of the condition.
        shown = {"test": f"{PICKED} === null || {test}", "value": mark.get("opacity", 1)}
        result["encoding"] = {**node.get("encoding", {}), "opacity": {"condition": shown, "value": _FAINT}}
    return result
