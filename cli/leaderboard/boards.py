"""What the pages show of each domain: the rows of its table, with the scales of their bars."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from ..comparison import CONTROL
from ..console import count
from .bars import Bar, scale_of, with_interval
from .cards import Card
from .ranking import Rank, Ranking, family, rank_domain
from .references import REFERENCE, reference_cards


@dataclass(frozen=True)
class Row:
    """A model in the table of its domain.

    Args:
        card: content of its card.
        href: address of its page; empty for a model of the reference panel without a card.
        family: its family in the ranking.
        rank: its rank, None where it is not ranked.
        unranked: why it is not ranked.
        performance: the ranked performance, or another one that is not ranked.
        alignment: alignment to the panel on the first set.
        outside: alignment to the panel out of distribution.
        dimension: intrinsic dimension.
    """

    card: Mapping[str, Any]
    href: str
    family: str
    rank: Rank | None
    unranked: str
    performance: Bar
    alignment: Bar
    outside: Bar
    dimension: Bar

    @property
    def ranks(self) -> str:
        """The interval of the rank."""
        if self.rank is None:
            return "–"
        return str(self.rank.low) if self.rank.low == self.rank.high else f"{self.rank.low}–{self.rank.high}"

    @property
    def diagnosed(self) -> bool:
        """Whether a diagnosis is shown: a control has none, nor has a model without a card."""
        return str(self.card["modality"]) != CONTROL and REFERENCE not in self.card

    @property
    def quadrant(self) -> str:
        """The quadrant, or that there is none."""
        return str(self.card["diagnosis"]["quadrant"] or "inconclusive") if self.diagnosed else "–"

    @property
    def probability(self) -> float | None:
        """The probability of the likeliest quadrant."""
        shares = self.card["diagnosis"]["probability"]
        return max(shares.values()) if shares else None

    @property
    def parameters(self) -> str:
        """The number of parameters."""
        return count(int(self.card["parameters"])) if self.card["parameters"] else "–"

    @property
    def copies(self) -> list[str]:
        """The models of the panel whose rows it contains."""
        return sorted({one["model"] for one in self.card["sets"]["in"]["copies"]})


@dataclass(frozen=True)
class Board:
    """One domain.

    Args:
        ranking: its ranking.
        cards: its cards, without the models of the reference panel that have none.
        rows: rows by family, in the order of the ranking.
        marks: column -> place of ``median``, that of the panel, and of ``control``, the best control, on its scale.
    """

    ranking: Ranking
    cards: Sequence[Card]
    rows: Mapping[str, Sequence[Row]]
    marks: Mapping[str, Mapping[str, float]]

    @property
    def domain(self) -> str:
        """Name of the domain."""
        return self.ranking.domain

    @property
    def families(self) -> int:
        """The number of families that are ranked; 0 where no model is."""
        return next((rank.of for rank in self.ranking.ranks.values()), 0)

    @property
    def measure(self) -> str:
        """Title of the ranked performance."""
        return measure(*self.ranking.kind)

    def flat(self) -> list[Row]:
        """Return all rows."""
        return [row for rows in self.rows.values() for row in rows]


def measure(kind: str, label: str, units: str) -> str:
    """Return the title of a kind of performance."""
    if kind == "energy":
        return f"mean absolute error of {label}" + (f" / {units}" if units else "")
    return f"R² of {label}" if label else "performance"


def make_board(cards: Sequence[Card]) -> Board:
    """Return what is shown of the cards of one domain, and of the models of the reference panel that have none.

    Args:
        cards: of one domain, sorted by model.
    """
    everything = [*cards, *reference_cards(cards)]
    ranking = rank_domain(everything)
    data = {card.model: card.data for card in everything}
    inside = {name: one["sets"]["in"] for name, one in data.items()}
    scores = {name: inside[name]["performance"] for name in ranking.ranks}
    columns: dict[str, dict[str, Mapping[str, Any] | None]] = {
        "performance": {name: with_interval(score) for name, score in scores.items()},
        "alignment": {name: alignment_of(one) for name, one in data.items()},
        "outside": {name: alignment_of(one, "out") for name, one in data.items()},
        "dimension": {name: next(iter(one["dimension"].values()), None) for name, one in inside.items()},
    }
    values: dict[str, dict[str, float]] = {column: {} for column in columns}
    if middle := panel_median(cards, ranking):
        values["performance"]["median"], values["alignment"]["median"] = middle
    for column, estimates in (("performance", scores), ("alignment", columns["alignment"])):
        found = [one["control_value"] for one in estimates.values() if one and one["control_value"] is not None]
        if found:
            values[column]["control"] = median(found)
    scales = {
        column: scale_of(list(estimates.values()), list(values[column].values()), 1 if column == "dimension" else 2)
        for column, estimates in columns.items()
    }

    def row(name: str) -> Row:
        bars = {column: scales[column].bar(estimates.get(name)) for column, estimates in columns.items()}
        rank, reason = ranking.ranks.get(name), ranking.unranked.get(name, "")
        href = "" if REFERENCE in data[name] else page_of(name)
        return Row(data[name], href, family(data[name]), rank, reason, **bars)

    return Board(
        ranking,
        cards,
        {of: [row(name) for name in models] for of, models in ranking.families.items()},
        {column: {mark: scales[column].place(value) for mark, value in at.items()} for column, at in values.items()},
    )


def page_of(model: str) -> str:
    """Return the path of the page of a model in the site; two models have different paths."""
    plain = model.lower()
    slug = re.sub(r"[^a-z0-9._-]+", "-", plain).strip("-.") or "model"
    if slug != plain:
        slug = f"{slug[:60]}-{hashlib.sha256(plain.encode()).hexdigest()[:8]}"
    return f"models/{slug}.html"


def alignment_of(card: Mapping[str, Any], role: str = "in") -> Mapping[str, Any] | None:
    """Return the alignment of a model to the panel, by the primary metric; None where it has none on that set."""
    one = card["sets"].get(role)
    estimate: Mapping[str, Any] | None = one and one["alignment"].get(card["metric"], {}).get("panel")
    return estimate


def panel_median(cards: Sequence[Card], ranking: Ranking) -> tuple[float, float] | None:
    """Return the medians of the panel: those of the cards differ, since each leaves the family of its model out."""
    medians = [card.data["diagnosis"]["median"] for card in cards if card.model in ranking.ranks]
    if not any(medians):
        return None
    first, second = zip(*filter(None, medians), strict=True)
    return median(first), median(second)
