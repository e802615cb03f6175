"""Whole groups of samples change places, and tests on dependent samples keep their level."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from hyle.engine import compare
from hyle.engine.comparison import unresolved
from hyle.engine.permutation import draw_whole_groups

STATES = 5


def test_members_move_together_and_keep_their_order() -> None:
    groups = list("abacbbcadeeff")  # three groups of 3, 1 of 1, 2 of 2: e, f
    orders = draw_whole_groups(groups, 200).orders
    rows = {label: [i for i, each in enumerate(groups) if each == label] for label in "abcdef"}
    for order in orders:
        assert sorted(order) == list(range(13))
        images = {label: [int(order[i]) for i in rows[label]] for label in rows}
        assert all(image in rows.values() for image in images.values())
        assert images["d"] == rows["d"]


def test_all_exchanges_are_drawn_once_where_there_are_few() -> None:
    groups = np.repeat(["x", "y", "z", "u", "u", "v", "v"], 2)  # 3! exchanges of three groups, 2! of two
    orders = draw_whole_groups(groups, 6000).orders
    assert len(orders) == len(np.unique(orders, axis=0)) == 6 * 2 - 1
    assert (orders != np.arange(14)).any(1).all()


def test_the_draws_are_uniform_over_all_other_exchanges() -> None:
    groups, found = np.repeat(["x", "y", "z"], 2), dict.fromkeys(permutations(range(3)), 0)
    for seed in range(1500):
        for order in draw_whole_groups(groups, 2, seed=seed).orders:
            found[tuple(int(i) for i in order[::2] // 2)] += 1
    assert found.pop((0, 1, 2)) == 0
    # 600 of each of the five are expected, with a standard deviation below 22.
    assert all(abs(count - 600) < 5 * 22 for count in found.values())


def test_few_groups_give_the_p_of_all_exchanges_and_say_what_they_cannot_show() -> None:
    """Three groups can be exchanged in six ways: no p is below 1/6, and no score is marked as near chance."""
    material = np.repeat(np.arange(3), 4)
    rows = {name: np.random.default_rng(i).normal(size=(12, 3)) for i, name in enumerate("ab")}
    with pytest.warns(UserWarning, match=r"no pair can be significant.*no more exist for 12 samples in 3 groups"):
        found = compare(rows, metrics=["cka"], permutations=199, groups=material.tolist(), permute="whole")
    assert found.attrs["permutations"] == 5

    def score(order: np.ndarray) -> float:
        pair = compare({"a": rows["a"], "b": rows["b"][order]}, metrics=["cka"])
        return float(pair.cka[0, 1])

    of_groups = np.arange(12).reshape(3, 4)
    scores = np.array([score(of_groups[list(image)].ravel()) for image in permutations(range(3))])
    assert float(found.cka_p[0, 1]) == pytest.approx((scores >= scores[0] - 1e-6).mean())
    assert unresolved(found.cka_p.values, 5).sum() == 2


@pytest.mark.parametrize(("groups", "count", "words"), [("abbccc", 5, "all differ in size"), ("ab", 0, "at least 1")])
def test_what_cannot_be_exchanged_is_an_error(groups: str, count: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        draw_whole_groups(list(groups), count)


def states_of_materials(seed: int, common: float = 0.0) -> tuple[dict[str, np.ndarray], list[int]]:
    """Draw two models of 24 materials in five states each, whose pictures of a material share a part or nothing."""
    generator = np.random.default_rng(seed)
    material = np.repeat(np.arange(24), STATES)
    a = generator.normal(size=(24, 6))
    b = common * a + generator.normal(size=(24, 6))
    rows = {"a": a[material], "b": b[material]}
    return {name: x + 0.3 * generator.normal(size=x.shape) for name, x in rows.items()}, material.tolist()


def test_unrelated_models_of_repeated_materials_are_not_significant() -> None:
    """Two unrelated models agree on which samples are states of one material; that is no alignment of the materials."""
    p: dict[str, list[float]] = {"all": [], "whole": []}
    for seed in range(60):
        rows, material = states_of_materials(seed)
        for how, options in (("all", {}), ("whole", {"groups": material, "permute": "whole"})):
            found = compare(rows, metrics=["mutual_knn"], k=8, permutations=39, **options)
            p[how].append(float(found.mutual_knn_p[0, 1]))
    assert np.mean(np.array(p["all"]) <= 0.05) == 1
    # 5 % of 60 tests are 3; 9 or more have a probability of 0.3 %.
    assert np.sum(np.array(p["whole"]) <= 0.05) <= 8
    assert 0.3 < np.mean(p["whole"]) < 0.7


def test_common_pictures_of_the_materials_are_found() -> None:
    found = []
    for seed in range(10):
        rows, material = states_of_materials(seed, common=2.0)
        comparison = compare(rows, metrics=["cka"], permutations=39, groups=material, permute="whole")
        found.append(float(comparison.cka_p[0, 1]))
        assert comparison.attrs["permuted"] == "whole"
    assert np.mean(np.array(found) <= 0.05) >= 0.9
