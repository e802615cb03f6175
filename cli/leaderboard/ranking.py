"""Ranking of the models of one domain by one kind of performance, with rank intervals."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, NamedTuple

from hyle.zoo import Performance, load_panel

from ..comparison import CONTROL
from .cards import Card

# The smallest share of the samples behind the other scores on which a performance is ranked with them.
_COMPARABLE = 0.9
LEVEL = 0.95


class Rank(NamedTuple):
    """Rank of a model among families, 1 for the best, with its interval.

    Args:
        value: rank by the measured performance.
        low: best rank that the standard errors allow.
        high: worst rank that they allow.
        of: number of families.
    """

    value: int
    low: int
    high: int
    of: int


@dataclass(frozen=True)
class Ranking:
    """The cards of one domain.

    Args:
        domain: the domain.
        dataset: its first set of samples.
        kind: (kind, label, units) of the ranked performance; empty strings where no model has one.
        higher_is_better: whether a higher performance is better.
        ranks: rank of each ranked model, the best first.
        unranked: reason for each model that is not ranked.
        families: models of each family, by the name of the family.
    """

    domain: str
    dataset: str
    kind: tuple[str, str, str]
    higher_is_better: bool
    ranks: dict[str, Rank]
    unranked: dict[str, str]
    families: dict[str, list[str]]


def rank_domain(cards: Sequence[Card]) -> Ranking:
    """Rank the models of one domain.

    Only one kind of performance is ranked: the one that the models of most families have. Each model is ranked against
    the best model of each other family, so that a family with many models takes one place. A model whose rows contain
    those of a model of the panel belongs to the family of that model.

    Args:
        cards: of one domain, at least one.
    """
    by_model = {card.model: card.data for card in cards}
    family_of = {name: family(data) for name, data in by_model.items()}
    models = {name: data for name, data in by_model.items() if data["modality"] != CONTROL}
    kind = _main_kind({name: _kind(data) for name, data in models.items()}, family_of)
    most = max((_score(data)["n"] for data in models.values() if _score(data) and _kind(data) == kind), default=0)
    unranked = {name: reason for name, data in by_model.items() if (reason := _reason(data, kind, most))}
    ranked = [name for name in by_model if name not in unranked]
    scores = [_score(by_model[name]) for name in ranked]
    higher = Performance(kind[0], 0.0, 0.0, kind[2], kind[1], 1).higher_is_better
    ranks = rank_intervals(
        [score["value"] for score in scores],
        [score["se"] for score in scores],
        [family_of[name] for name in ranked],
        higher_is_better=higher,
    )
    order = sorted(range(len(ranked)), key=lambda i: (ranks[i], -scores[i]["value"] * (1 if higher else -1), ranked[i]))
    families = defaultdict(list)
    for name in [*(ranked[i] for i in order), *unranked]:
        families[family_of[name]].append(name)
    return Ranking(
        cards[0].domain,
        cards[0].data["sets"]["in"]["dataset"],
        kind,
        higher,
        {ranked[i]: ranks[i] for i in order},
        unranked,
        dict(families),
    )


def rank_intervals(
    values: Sequence[float],
    ses: Sequence[float],
    families: Sequence[str],
    *,
    higher_is_better: bool = True,
    level: float = LEVEL,
) -> list[Rank]:
    """Rank each model against the best model of each other family, with the interval of its rank.

    A family is above a model for certain if one of its models is significantly better, and below it if all of them are
    significantly worse. Differences are tested with the two standard errors and a Bonferroni correction for the number
    of models of other families, so that each interval contains the rank of the true values with at least the
    probability `level`. Errors are treated as independent; on the same samples they are positively correlated, and the
    intervals are too wide rather than too narrow.

    Args:
        values: performance of each model.
        ses: standard errors.
        families: family of each model.
        higher_is_better: whether a higher value is better.
        level: of the intervals.

    Source: Mogstad, Romano, Shaikh, Wilhelm (2024), Review of Economic Studies 91, 476, with normal errors.

    Example:
        >>> rank_intervals([0.9, 0.5, 0.48], [0.01, 0.02, 0.02], ["a", "b", "c"])[1]
        Rank(value=2, low=2, high=3, of=3)
    """
    sign = 1 if higher_is_better else -1
    ranks = []
    for value, se, own in zip(values, ses, families, strict=True):
        others = [i for i, name in enumerate(families) if name != own]
        quantile = NormalDist().inv_cdf(1 - (1 - level) / (2 * max(1, len(others))))
        better, above, not_below = set(), set(), set()
        for i in others:
            difference, margin = sign * (values[i] - value), quantile * math.hypot(se, ses[i])
            if difference > 0:
                better.add(families[i])
            if difference > margin:
                above.add(families[i])
            if difference >= -margin:
                not_below.add(families[i])
        ranks.append(Rank(1 + len(better), 1 + len(above), 1 + len(not_below), len(set(families))))
    return ranks


def family(card: dict[str, Any]) -> str:
    """Return the family of a model: that of the model whose rows it contains, its own, or else its name."""
    inside = card["sets"]["in"]
    if inside["copies"]:
        families = {member.name: member.family for member in load_panel(inside["dataset"]).members}
        return families[inside["copies"][0]["model"]]
    return str(card["family"] or card["model"])


def _score(card: dict[str, Any]) -> dict[str, Any]:
    return card["sets"]["in"]["performance"] or {}


def _kind(card: dict[str, Any]) -> tuple[str, str, str]:
    score = _score(card)
    return (score["kind"], score["label"], score["units"]) if score else ("", "", "")


def _main_kind(kinds: dict[str, tuple[str, str, str]], family_of: dict[str, str]) -> tuple[str, str, str]:
    families: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for name, kind in kinds.items():
        if kind[0]:
            families[kind].add(family_of[name])
    return min(families, key=lambda kind: (-len(families[kind]), kind), default=("", "", ""))


def _reason(card: dict[str, Any], kind: tuple[str, str, str], most: int) -> str:
    """Return why a model is not ranked, empty if it is."""
    score = _score(card)
    if card["modality"] == CONTROL:
        return "a control, which has learnt nothing"
    if not score or score["rank"] is None:
        return str(card["sets"]["in"]["unranked_reason"] or "its performance is unknown")
    if _kind(card) != kind:
        return f"its performance is of another kind ({score['kind']}, {score['label']})"
    if score["se"] is None:
        return "its performance has no standard error"
    if score["n"] < _COMPARABLE * most:
        return f"its performance is known on {score['n']} samples, that of others on {most}"
    return ""
