"""Samples of a group change places as one block, within their stratum."""

from __future__ import annotations

import numpy as np
import pytest

from hyle.engine import compare
from hyle.engine.base import InputError
from hyle.engine.permutation import draw, draw_blocks


def rows_of(generator: np.random.Generator, *, structures: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Draw the structure and element of atoms in structures of unequal size."""
    counts = generator.integers(0, 5, (structures, 2))
    return np.repeat(np.arange(structures), counts.sum(1)), np.repeat(np.tile([0, 1], structures), counts.ravel())


def test_blocks_meet_blocks_of_the_same_size_and_stratum() -> None:
    group, stratum = rows_of(np.random.default_rng(0))
    orders = draw_blocks(group, 50, strata=stratum, seed=1).orders
    assert len(np.unique(orders, axis=0)) == 50
    for order in orders:
        assert sorted(order) == list(range(len(group)))
        assert (stratum[order] == stratum).all()
        for g in range(group.max() + 1):
            for s in (0, 1):
                mine = np.flatnonzero((group == g) & (stratum == s))
                if len(mine):
                    image = order[mine]
                    assert len(set(group[image])) == 1
                    assert (np.diff(image) > 0).all()
                    assert ((group == group[image[0]]) & (stratum == s)).sum() == len(mine)


def test_large_blocks_meet_blocks_of_similar_size() -> None:
    sizes = np.random.default_rng(0).integers(20, 25, 30)
    group = np.repeat(np.arange(30), sizes)
    for order in draw_blocks(group, 20, seed=1).orders:
        assert sorted(order) == list(range(len(group)))
        most = [np.bincount(group[order[group == g]]).max() / sizes[g] for g in range(30)]
        assert np.mean(most) > 0.6  # of each group, most members meet those of one group
        assert (group[order] != group).mean() > 0.8


def test_few_exchanges_are_drawn_once_and_none_are_an_error() -> None:
    assert draw_blocks(list("aabbc"), 20).orders.tolist() == [[2, 3, 0, 1, 4]]
    with pytest.raises(InputError, match="no two of the 2 groups have about as many"):
        draw_blocks(list("aab"), 5)
    with pytest.raises(InputError, match="about as many"):
        draw_blocks(list("aabb"), 5, strata=list("xxyy"))


def neighbours(x: np.ndarray, k: int = 5) -> np.ndarray:
    """Return which samples are among the k nearest of each, as 0 and 1."""
    distances = ((x[:, None] - x[None]) ** 2).sum(-1)
    np.fill_diagonal(distances, np.inf)
    found = np.zeros(distances.shape)
    np.put_along_axis(found, np.argsort(distances, 1)[:, :k], 1, 1)
    return found


def test_models_that_know_elements_and_structures_alone_are_not_aligned() -> None:
    """Free exchanges within elements find every such pair aligned; see bench/node_null.py for the rates."""
    found: dict[str, list[bool]] = {"blocks": [], "freely": []}
    for seed in range(40):
        generator = np.random.default_rng(seed)
        group, element = rows_of(generator)
        of_both = [3 * generator.normal(size=(2, 4))[element] + generator.normal(size=(40, 2, 4))[group, element]]
        of_both += [3 * generator.normal(size=(2, 4))[element] + generator.normal(size=(40, 2, 4))[group, element]]
        a, b = (neighbours(x + 0.3 * generator.normal(size=x.shape)) for x in of_both)
        for name, drawn in (
            ("blocks", draw_blocks(group, 39, strata=element, seed=seed)),
            ("freely", draw(len(group), 39, groups=element, seed=seed)),
        ):
            null = [(a * b[np.ix_(order, order)]).sum() for order in drawn.orders]
            found[name].append((1 + sum(each >= (a * b).sum() for each in null)) / 40 <= 0.05)
    assert sum(found["freely"]) == 40
    assert sum(found["blocks"]) <= 6  # more have a probability of 0.3 % at a level of 5 %


def test_what_atoms_share_beyond_their_element_is_found() -> None:
    generator = np.random.default_rng(0)
    group, element = rows_of(generator)
    latent, base = generator.normal(size=(len(group), 2)), 3 * generator.normal(size=(2, 4))
    rows = {name: base[element] + latent @ generator.normal(size=(2, 4)) for name in "ab"}
    made = compare(rows, metrics="cka", permutations=39, permute="blocks", groups=group, strata=element)
    assert float(made["cka_p"].values[0, 1]) == 1 / 40
    assert "cka_strata_null" not in made
