"""Models meet at the weakest link of the best chain between them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hyle.cli.leaderboard import Card
from hyle.cli.leaderboard.tree import alignment_tree, listed_pairs

from .planted import changed, make_card, pair

BARE = changed(changed(make_card("bare", "molecules"), "sets.in.own_family", []), "sets.in.controls", [])


def card(model: str, **aligned: float) -> Card:
    data = BARE | {"model": model}
    return Card(
        Path("card.json"), changed(data, "sets.in.relatives", [pair(name, value) for name, value in aligned.items()])
    )


def meeting(nodes: list, first: str, second: str) -> float:
    """Depth of the last common ancestor."""

    def ancestors(name: str) -> list[int]:
        chain = [next(i for i, node in enumerate(nodes) if node.name == name)]
        while nodes[chain[-1]].parent >= 0:
            chain.append(nodes[chain[-1]].parent)
        return chain

    upper = set(ancestors(second))
    return nodes[next(i for i in ancestors(first) if i in upper)].depth


def test_pairs_are_the_means_of_both_cards() -> None:
    cards = [card("a", b=0.4, c=0.1), card("b", a=0.6)]
    assert listed_pairs(cards) == {("a", "b"): pytest.approx(0.5), ("a", "c"): 0.1}


def test_depths_are_those_of_the_widest_paths() -> None:
    generator = np.random.default_rng(0)
    names = [f"m{i}" for i in range(9)]
    widest = np.zeros((9, 9))
    cards = []
    for i, name in enumerate(names):
        near = {names[j]: float(generator.uniform(-0.2, 0.9)) for j in generator.choice(9, 3, replace=False) if j > i}
        cards.append(card(name, **near))
        for other, value in near.items():
            j = names.index(other)
            widest[i, j] = widest[j, i] = max(value, 0.0)
    present = sorted({name for key in listed_pairs(cards) for name in key})
    for middle in range(9):  # Floyd and Warshall, with the weakest link as the length of a path
        widest = np.maximum(widest, np.minimum(widest[:, [middle]], widest[[middle]]))
    nodes = alignment_tree(cards)
    assert sorted(node.name for node in nodes if node.name) == present
    for i, first in enumerate(present):
        for second in present[:i]:
            expected = widest[names.index(first), names.index(second)]
            assert meeting(nodes, first, second) == pytest.approx(expected, abs=1e-4)
    assert all(node.depth == 1 for node in nodes if node.name)
    assert all(node.parent < i for i, node in enumerate(nodes))
    assert sorted(node.place for node in nodes if node.name) == list(range(len(present)))


def test_few_models_have_no_tree() -> None:
    assert alignment_tree([card("a", b=0.5)]) == []
    assert len(alignment_tree([card("a", b=0.5, c=0.4)])) == 5


def test_equal_rows_meet_at_one() -> None:
    nodes = alignment_tree([card("a", b=1.0, c=0.2)])
    assert meeting(nodes, "a", "b") == 1
    assert meeting(nodes, "a", "c") == pytest.approx(0.2)


def test_many_models_in_a_chain() -> None:
    cards = [card(f"m{i:04}", **{f"m{i + 1:04}": 0.9 - i / 1300}) for i in range(1100)]
    assert len(alignment_tree(cards)) == 2 * 1101 - 1
