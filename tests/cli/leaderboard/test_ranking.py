"""Ranks by hand, coverage of their intervals by simulation, and what is ranked with what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from hyle.cli.leaderboard import Card, rank_intervals
from hyle.cli.leaderboard.ranking import family, rank_domain

from .planted import changed, make_card


def ranking(*cards: dict[str, Any]):
    return rank_domain([Card(Path(f"{card['model']}.json"), card) for card in cards])


def named(model: str, value: float, se: float = 0.001, **facts: Any) -> dict[str, Any]:
    return make_card(model, "molecules", value=value, se=se) | facts


def test_ranks_by_hand() -> None:
    # With three others the quantile is 2.394: differences of 0.1 are 7.1 standard errors, one of 0.02 is 1.4.
    ranks = rank_intervals([0.9, 0.8, 0.78, 0.5], [0.01] * 4, ["a", "b", "c", "d"])
    assert [(one.value, one.low, one.high, one.of) for one in ranks] == [
        (1, 1, 1, 4),
        (2, 2, 3, 4),
        (3, 2, 3, 4),
        (4, 4, 4, 4),
    ]
    errors = rank_intervals([0.9, 0.8, 0.78, 0.5], [0.01] * 4, ["a", "b", "c", "d"], higher_is_better=False)
    assert [one.value for one in errors] == [4, 3, 2, 1]
    assert [(one.low, one.high) for one in errors] == [(4, 4), (2, 3), (2, 3), (1, 1)]


def test_a_family_takes_one_place() -> None:
    ranks = rank_intervals([0.9, 0.88, 0.86, 0.5], [0.001] * 4, ["a", "a", "a", "b"])
    assert ranks[3] == (2, 2, 2, 2)
    assert [one.value for one in ranks] == [1, 1, 1, 2]
    # The family of a model that is better is above it, also where another model of that family is worse.
    assert rank_intervals([0.9, 0.5, 0.7], [0.001] * 3, ["a", "a", "b"])[2] == (2, 2, 2, 2)


def test_one_family_alone() -> None:
    assert rank_intervals([0.3, 0.2], [0.1, 0.1], ["a", "a"]) == [(1, 1, 1, 1)] * 2
    assert rank_intervals([], [], []) == []


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_intervals_contain_the_true_rank(correlation: float) -> None:
    generator = np.random.default_rng(0)
    runs, missed, widths = 400, 0, []
    families = ["a", "a", "b", "c", "c", "d", "e", "f"]
    truth = np.array([0.60, 0.55, 0.58, 0.50, 0.57, 0.30, 0.56, 0.10])
    best = {name: max(v for v, f in zip(truth, families, strict=True) if f == name) for name in set(families)}
    true_rank = [
        1 + sum(best[name] > v for name in best if name != own) for v, own in zip(truth, families, strict=True)
    ]
    for _ in range(runs):
        shared = generator.normal() * np.sqrt(correlation)
        noise = 0.03 * (shared + np.sqrt(1 - correlation) * generator.normal(size=8))
        ranks = rank_intervals(list(truth + noise), [0.03] * 8, families)
        missed += not ranks[1].low <= true_rank[1] <= ranks[1].high
        widths.append(ranks[7].high - ranks[7].low)
    # At most 5 % of the intervals of one model miss its rank; the bound is exceeded in one of 10,000 simulations.
    assert missed <= binom.ppf(1 - 1e-4, runs, 0.05)
    assert np.mean(widths) < 0.1  # the last is far below, and known to be the last


def test_noise_is_not_ranked() -> None:
    generator = np.random.default_rng(1)
    wrong = 0
    for _ in range(200):
        ranks = rank_intervals(list(0.5 + 0.03 * generator.normal(size=10)), [0.03] * 10, list("abcdefghij"))
        wrong += ranks[0].low > 1 or ranks[0].high < 10
    # All are equal, so that every model may be first or last.
    assert wrong <= binom.ppf(1 - 1e-4, 200, 0.05)


def test_one_kind_of_performance_is_ranked() -> None:
    energies = [changed(named(f"e{i}", 0.1), "sets.in.performance.kind", "energy") for i in range(2)]
    probes = [named(f"p{i}", 0.5 + 0.1 * i) for i in range(3)]
    result = ranking(*energies, *probes)
    assert list(result.ranks) == ["p2", "p1", "p0"]
    assert result.higher_is_better
    assert set(result.unranked) == {"e0", "e1"}
    assert "another kind (energy" in result.unranked["e0"]
    # The kind that more families have, not more models.
    crowd = [changed(card, "family", "crowd") for card in probes]
    assert ranking(*energies, *crowd).kind[0] == "energy"
    assert not ranking(*energies, *crowd).higher_is_better


def test_what_is_not_ranked_says_why() -> None:
    ranked = [named("a", 0.8), named("b", 0.7)]
    cards = {
        "a control": named("composition", 0.9),
        "there is no label": changed(
            changed(named("n", 0.9), "sets.in.performance", None), "sets.in.unranked_reason", "there is no label"
        ),
        "too few": changed(
            changed(named("r", 0.9), "sets.in.performance.rank", None), "sets.in.unranked_reason", "too few"
        ),
        "known on 100 samples": changed(named("f", 0.9), "sets.in.performance.n", 100),
        "no standard error": changed(named("s", 0.9), "sets.in.performance.se", None),
    }
    result = ranking(*ranked, *cards.values())
    assert list(result.ranks) == ["a", "b"]
    for reason, card in cards.items():
        assert reason in result.unranked[card["model"]]


def test_a_domain_without_any_performance() -> None:
    result = ranking(changed(named("a", 0.5), "sets.in.performance", None))
    assert (result.ranks, result.kind) == ({}, ("", "", ""))


def test_a_copy_is_of_the_family_of_its_original() -> None:
    copy = changed(
        named("mine", 0.9, family="Mine"), "sets.in.copies", [{"model": "minimol", "share": 0.99, "bar": 0.9}]
    )
    assert family(copy) == "MiniMol"
    assert family(named("unknown", 0.9)) == "unknown"
    result = ranking(copy, named("minimol", 0.8), named("rxnfp", 0.7))
    assert result.families["MiniMol"] == ["mine", "minimol"]
    assert result.ranks["rxnfp"].of == 2


def test_the_order_of_the_cards_is_of_no_importance() -> None:
    cards = [named(f"m{i}", 0.5 + 0.01 * (i % 3)) for i in range(6)]
    assert list(ranking(*cards).ranks) == list(ranking(*cards[::-1]).ranks)
