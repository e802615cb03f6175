"""Figures of the site: the quadrants and the tree of a domain, and the chart of one model."""

from __future__ import annotations

import re
from typing import Any

from ..comparison import CONTROL
from .bars import with_interval
from .boards import Board, alignment_of, panel_median
from .tree import alignment_tree


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


def svg(chart: Any, name: str) -> str:
    """Return a chart as an SVG element whose ids differ from those of other charts of the page."""
    import vl_convert

    from ..figures import specification, vega_lite_version

    text = vl_convert.vegalite_to_svg(specification(chart), vl_version=vega_lite_version())
    return re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{name}-", text)
