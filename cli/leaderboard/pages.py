"""Pages of the site: the index, and one page per model."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from hyle.zoo import list_models

from ..comparison import number
from ..console import count
from .bars import Scale, scale_of, span
from .boards import Board, Row, make_board, page_of
from .cards import Card
from .drawings import colours, drawings, still


def render_site(cards: Sequence[Card]) -> dict[str, str]:
    """Return the pages of the site by path: the same cards give the same pages.

    Args:
        cards: as returned by `read_cards`, at least one.

    Returns:
        ``index.html``, and ``models/NAME.html`` for each model. No page loads anything from another file or a network;
        only the index has scripts.
    """
    ordered = sorted(cards, key=lambda card: (card.domain, card.model))
    boards = [make_board(list(group)) for _, group in groupby(ordered, key=lambda card: card.domain)]
    pages = {"index.html": _index(boards)}
    for name in sorted({card.model for card in ordered}):
        # A model with a card of one domain can be in the reference panel of another.
        own = [(board, row) for board in boards for row in board.flat() if row.card["model"] == name and row.href]
        pages[page_of(name)] = _model_page(name, own)
    return pages


def _index(boards: Sequence[Board]) -> str:
    figures = {board.domain: drawings(board) for board in boards}
    rows = [row for board in boards for row in board.flat()]
    return _render(
        "leaderboard.html.j2",
        boards=boards,
        figures=figures,
        colours=colours(drawing.svg for drawn in figures.values() for drawing in drawn.values()),
        modalities=sorted({row.card["modality"] or "unknown" for row in rows}),
        licences=sorted({licence(row.card) for row in rows}),
        models=len({row.card["model"] for row in rows}),
    )


def _model_page(name: str, own: Sequence[tuple[Board, Row]]) -> str:
    from ..figures import benchmark_scatter

    sections: list[dict[str, Any]] = []
    for board, row in own:
        chart = None if row.alignment.sort is None else benchmark_scatter(row.card)
        sections.append(
            {
                "board": board,
                "row": row,
                "card": row.card,
                "drawing": "" if chart is None else still(chart, board.domain),
                "panel_families": len({one["family"] for one in row.card["sets"]["in"]["panel"]["models"].values()}),
                "numbers": _numbers(row.card),
                "relatives": _relatives(row.card),
                "json": base64.b64encode(
                    json.dumps(row.card, ensure_ascii=False, separators=(",", ":")).encode()
                ).decode(),
            }
        )
    card = own[0][1].card
    return _render(
        "leaderboard-model.html.j2",
        name=name,
        card=card,
        sections=sections,
        colours=colours(one["drawing"] for one in sections),
        **_about(card),
    )


def _about(card: Mapping[str, Any]) -> dict[str, str]:
    """Return what to cite and where to read more, of the card or of the model card of hyle."""
    known = next((one for one in list_models() if one.name == card["model"]), None)
    return {
        "citation": card["citation"],
        "training_data": known.training_data if known else ", ".join(card["trained_on"]),
        "notes": known.notes if known else "",
        "url": card.get("url", ""),
    }


def _render(template: str, **values: Any) -> str:
    import jinja2

    from ..figures import DARK, modality_scale

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent.parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"number": number, "span": span, "count": count, "licence": licence, "paint": DARK}
    environment.filters["upper_first"] = lambda text: text[:1].upper() + text[1:]
    kinds, colours = modality_scale([*sorted({one.modality for one in list_models()}), "unknown"])
    return environment.get_template(template).render(swatches=dict(zip(kinds, colours, strict=True)), **values)


def licence(card: Mapping[str, Any]) -> str:
    """Return the licence of a model, for the table and the filter."""
    return str(card["licence"] or "not stated")


def _numbers(card: Mapping[str, Any]) -> list[tuple[str, list[str], str]]:
    """Return the rows of the table of numbers: title, value on each set, change from the first set to the second."""
    sets = list(card["sets"].values())
    changes = (card["generality"] or {}).get("alignment") or {}
    rows = [("performance", [_performance(one) for one in sets], "")]
    for metric in sets[0]["alignment"]:
        values = [one["alignment"].get(metric, {}).get("panel") for one in sets]
        change = changes.get(metric, {}).get("change") if isinstance(changes.get(metric), dict) else None
        rows.append((f"alignment, {metric}", [_aligned(value) for value in values], span(change) if change else ""))
    for name in sets[0]["dimension"]:
        rows.append((f"dimension, {name}", [span(one["dimension"].get(name), 1) for one in sets], ""))
    return rows


def _performance(one: Mapping[str, Any]) -> str:
    score = one["performance"]
    if not score:
        return f"– ({one['unranked_reason']})" if one["unranked_reason"] else "–"
    text = f"{number(score['value'], 3)}"
    text += f" ± {number(score['se'], 3)}" if score["se"] is not None else ""
    return f"{text} {score['units']}".rstrip()


def _aligned(estimate: Mapping[str, Any] | None) -> str:
    chance = estimate and estimate.get("p") is not None and estimate["p"] > 0.05
    return span(estimate) + (" ≈" if chance else "")


def _relatives(card: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the nearest models, those of the family and the controls, with their bars on one scale."""
    inside = card["sets"]["in"]
    kinds = {"relatives": "nearest", "own_family": "own family", "controls": "control"}
    pairs = [(kind, one) for key, kind in kinds.items() for one in inside[key]]
    scale: Scale = scale_of([one for _, one in pairs], [0.0])
    return [{"kind": kind, "model": one["model"], "bar": scale.bar(one)} for kind, one in pairs]
