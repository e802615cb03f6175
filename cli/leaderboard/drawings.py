"""Figures of the site: the quadrants and the tree of a domain, and the chart of one model."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..comparison import CONTROL
from .bars import with_interval
from .boards import Board, alignment_of, panel_median
from .tree import alignment_tree


@dataclass(frozen=True)
class Drawing:
    """A figure as an SVG element, and what it shows, in words."""

    svg: str
    description: str


def quadrant_chart(board: Board) -> Any | None:
    """Return performance against alignment of the ranked models, None where no model is ranked."""
    from ..figures import quadrant_scatter

    points = []
    for row in board.flat():
        score, aligned = row.card["sets"]["in"]["performance"], alignment_of(row.card)
        if row.rank is None or aligned is None or aligned["value"] is None:
            continue
        interval = with_interval(score) or {}
        points.append(
            {
                "model": row.card["model"],
                "family": row.family,
                "modality": row.card["modality"] or "unknown",
                "performance": score["value"],
                "low": interval["low"],
                "high": interval["high"],
                "alignment": aligned["value"],
                "left": aligned["low"],
                "right": aligned["high"],
            }
        )
    if not points:
        return None
    return quadrant_scatter(
        sorted(points, key=lambda point: point["model"]),
        performance=board.measure,
        alignment=f"calibrated {board.cards[0].data['metric']} to models of other families",
        higher_is_better=board.ranking.higher_is_better,
        median=panel_median(board.cards, board.ranking),
    )


def tree_figure(board: Board) -> Any | None:
    """Return the tree of the models of a domain and of the models of the panel that their cards list."""
    from ..figures import tree_chart

    nodes = alignment_tree(board.cards)
    if not nodes:
        return None
    kinds: dict[str, str] = {}
    for card in board.cards:
        inside = card.data["sets"]["in"]
        kinds |= {one["model"]: CONTROL for one in inside["controls"]}
        kinds |= {name: one["modality"] for name, one in inside["panel"]["models"].items()}
    kinds |= {card.model: card.data["modality"] or "unknown" for card in board.cards}
    return tree_chart(nodes, kinds, title="calibrated alignment")


def drawings(board: Board) -> dict[str, Drawing]:
    """Return the figures of a domain by name: ``quadrants`` and ``tree``, as far as there are any.

    The positions of models in ``data-m`` are those of the rows of the board; models without a row come after them.
    Marks of models with a page are links to it.
    """
    from ..figures import specification
    from ..report import inline

    found = {}
    rows = board.flat()
    links = {row.card["model"]: row.href for row in rows if row.href}
    for name, chart in (("quadrants", quadrant_chart(board)), ("tree", tree_figure(board))):
        if chart is None:
            continue
        spec = specification(chart)
        own = [row["model"] for data in spec["datasets"].values() for row in data if "model" in row]
        models = list(dict.fromkeys([*(row.card["model"] for row in rows), *own]))
        (svg,) = inline(spec, f"{name}-{board.domain}", models, links)
        found[name] = Drawing(svg, spec["description"])
    return found


def still(chart: Any, name: str) -> str:
    """Return a chart as an SVG element for a page without scripts, so without the attributes of tooltips."""
    from ..figures import specification
    from ..report import inline

    (svg,) = inline(specification(chart), name, [])
    return re.sub(r' data-t="[^"]*"', "", svg)


def colours(svgs: Iterable[str]) -> list[str]:
    """Return the colours of drawings, which pages replace in the dark."""
    return sorted({colour for svg in svgs for colour in re.findall(r'"(#[0-9a-f]{6})"', svg)})
