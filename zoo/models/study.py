"""The models of the study that motivated hyle (Table 1 of arXiv 2512.03750), and the matching model cards."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from ..cards import ModelCard
from .registry import list_models


@dataclass(frozen=True)
class StudyRow:
    """One row of Table 1 of arXiv 2512.03750.

    Args:
        name: name of the row, as in the study.
        cards: the matching cards, each with the layer that the row refers to (empty for the default layer).
        parameters: number of parameters as printed in the study, or None.
        remark: notes on the row, and errors in it.
    """

    name: str
    cards: Sequence[tuple[ModelCard, str]]
    parameters: int | None = None
    remark: str = ""

    @property
    def reason(self) -> str:
        """Why no card of the row can be loaded; empty if one can."""
        reasons = [card.reason for card, _ in self.cards]
        return "; ".join(reasons) if all(reasons) else ""


def list_study() -> list[StudyRow]:
    """Return the 59 rows of the study, in its order."""
    text = (resources.files("hyle.zoo") / "study.toml").read_text("utf-8")
    cards = list_models()
    return [
        StudyRow(cards=[(card, card.study[row["name"]]) for card in cards if row["name"] in card.study], **row)
        for row in tomllib.loads(text)["rows"]
    ]
