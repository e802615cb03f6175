"""Models of the reference panel that have no card: their numbers are in the panel and in the cards of others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hyle.zoo import Member, list_models, load_panel

from ..comparison import CONTROL
from .cards import Card

# The key that marks the data of such a model; no card has it.
REFERENCE = "reference"


def reference_cards(cards: Sequence[Card]) -> list[Card]:
    """Return what is known of each model of the reference panel without a card, in the form of a card.

    The performance is that of the panel, of the kind that most cards have; the alignment with models of other families
    is that of the first card that states it. Controls are left out.

    Args:
        cards: of one domain, sorted by model.
    """
    panel = load_panel(cards[0].data["sets"]["in"]["dataset"])
    kinds = Counter(sorted(one["kind"] for card in cards if (one := card.data["sets"]["in"]["performance"])))
    kind = kinds.most_common(1)[0][0] if kinds else ""
    with_card = {card.model.casefold() for card in cards}
    licences = {one.name: one.licence for one in list_models()}
    found = []
    for member in panel.members:
        stated = [models[member.name] for card in cards if member.name in (models := _models(card))]
        if member.modality != CONTROL and member.name.casefold() not in with_card and stated:
            facts = {"licence": licences.get(member.name, ""), "domain": cards[0].domain}
            facts["metric"] = cards[0].data["metric"]
            found.append(Card(Path(), _data(member, kind, stated[0]["alignment"], facts, panel.name)))
    return found


def _models(card: Card) -> Mapping[str, Any]:
    models: Mapping[str, Any] = card.data["sets"]["in"]["panel"]["models"]
    return models


def _data(
    member: Member, kind: str, alignment: Mapping[str, Any], facts: dict[str, str], dataset: str
) -> dict[str, Any]:
    score = member.scores.get(kind)
    # Ranks are taken anew on the site; here they only say that there is one.
    performance = None if score is None else asdict(score) | {"rank": 1, "of": 1, "control_value": None}
    inside: dict[str, Any] = {
        "dataset": dataset,
        "performance": performance,
        "unranked_reason": "the panel has no performance of it",
        "alignment": {facts["metric"]: {"panel": {**alignment, "p": None, "control_value": None}}},
        "dimension": {},
        "copies": [],
        "made_of": [],
    }
    return {
        "model": member.name,
        "family": member.family,
        "modality": member.modality,
        "parameters": member.parameters,
        "trained_on_it": [],
        "sets": {"in": inside},
        "diagnosis": {"quadrant": None, "probability": None, "median": None},
        REFERENCE: True,
        **facts,
    }
