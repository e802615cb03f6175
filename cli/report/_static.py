"""Charts as static SVG in the page: tooltips and the models of each mark as attributes, no script of Vega."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..figures import printable, vega_lite_version

_SVG = "http://www.w3.org/2000/svg"
_KEY = "hyle-row-"
_DROPPED = {
    "class",
    "role",
    "aria-label",
    "aria-roledescription",
    "aria-hidden",
    "stroke-miterlimit",
    "version",
    "xmlns",
}


def inline(spec: dict[str, Any], name: str, models: Sequence[str], links: Mapping[str, str] | None = None) -> list[str]:
    """Return a Vega-Lite specification as SVG elements for the body of the page: one, or one per panel.

    Each mark with a tooltip has the lines of that tooltip in ``data-t``, separated by line feeds, and the positions of
    its models in ``data-m``.

    Args:
        spec: as `hyle.cli.figures.specification` returns it; panels of a concatenation become separate
            elements, so that they wrap on a phone.
        name: of the figure, unique in the page.
        models: the names of all models in the page.
        links: address of the page of a model, to which each mark of this model alone leads; default none.
    """
    import vl_convert

    place = {printable(model): i for i, model in enumerate(models)}
    pages = {str(place[printable(model)]): address for model, address in (links or {}).items()}
    drawn = []
    for number, panel in enumerate(_panels(spec)):
        tips: list[tuple[str, str]] = []
        marked = _with_keys(panel, tips, place)
        svg = vl_convert.vegalite_to_svg(marked, vl_version=vega_lite_version())
        drawn.append(_cleaned(svg, f"{name}-{number}", tips, pages))
    return drawn


def _panels(spec: dict[str, Any]) -> list[dict[str, Any]]:
    for kind in ("concat", "hconcat", "vconcat"):
        if kind in spec:
            shared: dict[str, Any] = {key: spec[key] for key in ("$schema", "config", "datasets") if key in spec}
            return [{**shared, **panel} for panel in spec[kind]]
    return [spec]


def _with_keys(spec: dict[str, Any], tips: list[tuple[str, str]], place: dict[str, int]) -> dict[str, Any]:
    """Return the specification with a key for each row that a mark with a tooltip draws, and append to the tooltips."""
    sets: dict[str, list[dict[str, Any]]] = dict(spec.get("datasets", {}))
    keyed: set[str] = set()

    def walk(node: dict[str, Any], data: str, tooltip: Any) -> dict[str, Any]:
        own = node.get("data", {}).get("name", data)
        facts = node.get("encoding", {}).get("tooltip", tooltip)
        result = dict(node)
        if "layer" in node:
            result["layer"] = [walk(layer, own, facts) for layer in node["layer"]]
        elif "mark" in node and facts and own in sets:
            if own not in keyed:
                keyed.add(own)
                sets[own] = [{**row, "hyle_key": _key(row, facts, tips, place)} for row in sets[own]]
            encoding = {key: value for key, value in node.get("encoding", {}).items() if key != "tooltip"}
            result["encoding"] = {**encoding, "description": {"field": "hyle_key", "type": "nominal"}}
        return result

    walked = walk(spec, "", None)
    return {**walked, "datasets": sets} if sets else walked


def _key(row: dict[str, Any], facts: Any, tips: list[tuple[str, str]], place: dict[str, int]) -> str:
    facts = facts if isinstance(facts, list) else [facts]
    lines = [
        f"{fact.get('title') or fact['field'].replace('_', ' ')}: {_shown(row[fact['field']], fact.get('format', ''))}"
        for fact in facts
        if row.get(fact.get("field")) is not None
    ]
    models = [str(place[row[end]]) for end in ("model", "other") if row.get(end) in place]
    tips.append(("\n".join(lines), " ".join(models)))
    return f"{_KEY}{len(tips) - 1}"


def _shown(value: Any, form: str) -> str:
    """Return a value in one of the number formats of D3 that the figures use."""
    if not form or isinstance(value, str):
        return f"{value:.4g}".replace("-", "−") if isinstance(value, float) else str(value)
    if form.endswith("s"):
        size = next((size for size in (1e9, 1e6, 1e3) if abs(value) >= size), 1)
        return f"{value / size:.3g}{ {1e9: 'G', 1e6: 'M', 1e3: 'k', 1: ''}[size] }"
    shown = f"{value:{form.lstrip('~')}}"
    return shown.replace("%", " %").replace("-", "−")


def _cleaned(svg: str, prefix: str, tips: Sequence[tuple[str, str]], pages: Mapping[str, str]) -> str:
    """Return the SVG with tooltips as attributes, unique ids, and without what only Vega's script needs."""
    root = ET.fromstring(svg)
    # Vega numbers its ids through the whole process.
    ids = {node.get("id", ""): f"{prefix}-{i}" for i, node in enumerate(one for one in root.iter() if one.get("id"))}
    for node in _nodes(root):
        label = node.get("aria-label", "")
        for attribute in _DROPPED.intersection(node.keys()):
            del node.attrib[attribute]
        for attribute, value in list(node.attrib.items()):
            if attribute == "id":
                node.set(attribute, ids[value])
            elif match := re.fullmatch(r"url\(#(.*)\)", value):
                node.set(attribute, f"url(#{ids.get(match[1], match[1])})")
            elif attribute in ("d", "transform"):
                node.set(attribute, re.sub(r"(\.\d\d)\d+", r"\1", value))
        if label.startswith(_KEY):
            tip, models = tips[int(label.removeprefix(_KEY))]
            node.set("data-t", tip)
            if models:
                node.set("data-m", models)
    for node in _nodes(root):
        for child in [c for c in node if c.tag.endswith("path") and not c.get("d")]:
            node.remove(child)
        for at, child in enumerate(node):
            if address := pages.get(child.get("data-m", "")):
                # The keyboard gets there by the name of the model in the table.
                node[at] = ET.Element("a", {"href": address, "tabindex": "-1"})
                node[at].append(child)
    width, height = (float(root.get(side, "0")) for side in ("width", "height"))
    root.attrib.clear()
    root.attrib |= {"viewBox": f"0 0 {width:g} {height:g}", "style": f"max-width:{1.2 * width:.0f}px"}
    root.attrib |= {"aria-hidden": "true", "focusable": "false"}
    for node in _nodes(root):
        node.tag = node.tag.removeprefix(f"{{{_SVG}}}")
    return ET.tostring(root, encoding="unicode")


def _nodes(root: ET.Element) -> Iterator[ET.Element]:
    return iter(list(root.iter()))
