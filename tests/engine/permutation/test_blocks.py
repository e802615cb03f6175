"""Samples of a group change places as one block, within their stratum."""

from __future__ import annotations

import numpy as np
import pytest

from hyle.engine import compare
from hyle.engine.base import InputError
from hyle.engine.permutation import draw, draw_blocks, exchangeable_share


def rows_of(generator: np.random.Generator, *, structures: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Draw the structure and element of atoms in structures of unequal size."""
    counts = generator.integers(0, 5, (structures, 2))
    return np.repeat(np.arange(structures), counts.sum(1)), np.repeat(np.tile([0, 1], structures), counts.ravel())


def test_groups_meet_groups_of_the_same_composition() -> None:
    group, stratum = rows_of(np.random.default_rng(0))
    composition = {g: tuple(np.bincount(stratum[group == g], minlength=2)) for g in np.unique(group).tolist()}
    orders = draw_blocks(group, 50, strata=stratum, seed=1).orders
    assert len(np.unique(orders, axis=0)) == 50
    for order in orders:
        assert sorted(order) == list(range(len(group)))
        assert (stratum[order] == stratum).all()
        for g in composition:
            partners = {int(other) for other in group[order[group == g]]}
            assert len(partners) == 1  # one partner for all strata
            assert composition[partners.pop()] == composition[g]
            for s in (0, 1):
                image = order[(group == g) & (stratum == s)]
                assert (np.diff(image) > 0).all()


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
    assert exchangeable_share(list("aabbc")) == (0.8, 2)
    assert len(draw_blocks(list("abc"), 200).orders) == 5


def neighbours(x: np.ndarray, group: np.ndarray | None = None, k: int = 5) -> np.ndarray:
    """Return which samples are among the k nearest of each, as 0 and 1, those of its own group excluded."""
    distances = ((x[:, None] - x[None]) ** 2).sum(-1)
    np.fill_diagonal(distances, np.inf)
    if group is not None:
        distances[group[:, None] == group] = np.inf
    found = np.zeros(distances.shape)
    np.put_along_axis(found, np.argsort(distances, 1)[:, :k], 1, 1)
    return found


def test_models_that_know_elements_and_structures_alone_are_not_aligned() -> None:
    """Free exchanges within elements find nearly every such pair aligned; see bench/node_null.py for the rates."""
    found: dict[str, list[bool]] = {name: [] for name in ("blocks, neighbours", "blocks, kernel", "freely, neighbours")}
    for seed in range(40):
        generator = np.random.default_rng(seed)
        group, element = rows_of(generator)
        models = []
        for _ in "ab":
            # What all atoms of a structure have in common, and what those of one element have.
            of_structure = (
                1.5 * generator.normal(size=(40, 4))[group] + generator.normal(size=(40, 2, 4))[group, element]
            )
            of_element = 3 * generator.normal(size=(2, 4))[element]
            models.append(of_element + of_structure + 0.3 * generator.normal(size=(len(group), 4)))
        kernels = [(x - x.mean(0)) @ (x - x.mean(0)).T for x in models]
        tables = [neighbours(x, group) for x in models]
        blocks, freely = (
            draw_blocks(group, 39, strata=element, seed=seed),
            draw(len(group), 39, groups=element, seed=seed),
        )
        for name, drawn, (a, b) in (
            ("blocks, neighbours", blocks, tables),
            ("blocks, kernel", blocks, kernels),
            ("freely, neighbours", freely, [neighbours(x) for x in models]),
        ):
            null = [(a * b[np.ix_(order, order)]).sum() for order in drawn.orders]
            found[name].append((1 + sum(each >= (a * b).sum() for each in null)) / 40 <= 0.05)
    assert sum(found["freely, neighbours"]) >= 38
    # More have a probability of 0.3 % at a level of 5 %.
    assert sum(found["blocks, neighbours"]) <= 6
    assert sum(found["blocks, kernel"]) <= 6


def test_what_atoms_share_beyond_their_element_is_found() -> None:
    generator = np.random.default_rng(0)
    group, element = rows_of(generator)
    latent, base = generator.normal(size=(len(group), 2)), 3 * generator.normal(size=(2, 4))
    rows = {name: base[element] + latent @ generator.normal(size=(2, 4)) for name in "ab"}
    made = compare(rows, metrics="cka", permutations=39, permute="blocks", groups=group, strata=element)
    assert float(made["cka_p"].values[0, 1]) == 1 / 40
    assert "cka_strata_null" not in made
