"""Neighbour joining against a textbook and scikit-bio."""

from __future__ import annotations

import io
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from hyle.engine.analysis.neighbour_joining import Branches, neighbour_joining, quoted


def distances(m: int, seed: int) -> np.ndarray:
    points = np.random.default_rng([m, seed]).normal(size=(m, 4))
    return np.sqrt(((points[:, None] - points) ** 2).sum(-1))


def labels(m: int) -> list[str]:
    return [f"t{tip}" for tip in range(m)]


def depths(tree: Branches) -> list[float]:
    found = {tree.root: 0.0}
    for node in tree.preorder()[1:]:
        found[node] = found[tree.parent[node]] + tree.length[node]
    return [found[tip] for tip in range(tree.tips)]


def test_the_textbook_tree() -> None:
    table = np.zeros((5, 5))
    for (a, b), d in zip(combinations(range(5), 2), [5, 9, 9, 8, 10, 10, 9, 8, 7, 3], strict=True):
        table[a, b] = table[b, a] = d
    found = neighbour_joining(table).newick(list("abcde"))
    # Each pair of parentheses is one branch, whichever is written first.
    assert "(a:2,b:3):3" in found
    assert "c:4" in found
    assert "d:2" in found
    assert "e:1" in found


@pytest.mark.parametrize("m", [3, 4, 5, 9, 30])
@pytest.mark.parametrize("seed", range(3))
def test_branches_and_root_equal_those_of_scikit_bio(skbio: Any, m: int, seed: int) -> None:
    table = distances(m, seed)
    found = neighbour_joining(table)
    reference = skbio.tree.nj(skbio.DistanceMatrix(table, labels(m)))
    whole, expected = frozenset(labels(m)), {}
    for node in reference.postorder():
        if not node.is_tip() and not node.is_root():
            members = frozenset(node.subset())
            expected[whole - members if "t0" in members else members] = node.length
    lengths = {
        frozenset(f"t{tip}" for tip in range(m) if split >> tip & 1): found.length[node]
        for split, node in found.splits().items()
    }
    assert lengths.keys() == expected.keys()
    assert all(lengths[split] == pytest.approx(expected[split], abs=1e-12) for split in expected)
    rooted = skbio.TreeNode.read(io.StringIO(found.newick(labels(m)))).root_at_midpoint()
    far = [rooted.find(name).distance(rooted) for name in labels(m)]
    assert depths(found.rooted_midway()) == pytest.approx(far, abs=1e-5)


@pytest.mark.parametrize("m", [4, 9, 30])
def test_support_stays_with_its_branch_under_another_root(m: int) -> None:
    tree = neighbour_joining(distances(m, 0))
    support = {split: float(at) for at, split in enumerate(tree.splits())}
    rooted = tree.with_support(support).rooted_midway()
    below = rooted.splits()
    assert below.keys() == support.keys()
    assert {split: rooted.support[node] for split, node in below.items()} == support


def test_equal_distances_leave_the_root_where_it_is() -> None:
    tree = neighbour_joining(np.zeros((5, 5)))
    assert tree.rooted_midway() is tree
    star = neighbour_joining(1 - np.eye(3))
    assert star.newick(list("abc")) == "(a:0.5,b:0.5,c:0.5);"
    # The midpoint of two tips is the node in the middle.
    assert len(star.rooted_midway().parent) == 4


def test_labels_with_characters_of_the_format_are_quoted(skbio: Any) -> None:
    assert quoted("plain-1.0") == "plain-1.0"
    names = ["it's", "a b", "c_d", "(e)"]
    text = neighbour_joining(distances(4, 1)).newick(names)
    assert {tip.name for tip in skbio.TreeNode.read(io.StringIO(text)).tips()} == set(names)
