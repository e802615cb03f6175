"""Charts that follow one selection of models."""

from __future__ import annotations

from typing import Any

PICKED = "picked"
_FAINT = 0.08


def linked(spec: dict[str, Any]) -> dict[str, Any]:
    """Return a specification whose marks of models fade where others are picked.

    It gets a parameter ``picked``: null, or the names of models. A mark of a pair stays where one of the two is picked,
    whatever the kind of chart; a mark without a model stays.
    """
    rows = {name: data[0] if data else {} for name, data in spec.get("datasets", {}).items()}
    found = _walk(spec, rows, {})
    return found | {"params": [*spec.get("params", []), {"name": PICKED, "value": None}]}


def _walk(node: dict[str, Any], rows: dict[str, dict[str, Any]], row: dict[str, Any]) -> dict[str, Any]:
    row = rows.get(node.get("data", {}).get("name", ""), row)
    found = dict(node)
    for inner in ("layer", "hconcat", "vconcat", "concat"):
        if inner in node:
            found[inner] = [_walk(child, rows, row) for child in node[inner]]
    if "spec" in node:
        found["spec"] = _walk(node["spec"], rows, row)
    ends = [end for end in ("model", "other") if end in row]
    if "mark" in node and ends:
        mark = node["mark"] if isinstance(node["mark"], dict) else {"type": node["mark"]}
        test = " || ".join(f"indexof({PICKED}, datum.{end}) >= 0" for end in ends)
        # An encoding hides the opacity of the mark: it goes into the condition.
        shown = {"test": f"{PICKED} === null || {test}", "value": mark.get("opacity", 1)}
        found["encoding"] = {**node.get("encoding", {}), "opacity": {"condition": shown, "value": _FAINT}}
    return found
