from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import pytest

from hyle.engine import compare
from hyle.engine.analysis import tree
from hyle.engine.analysis.tree import profile_distances

from .panels import comparison


def test_profile_distances_by_the_oracle() -> None:
    found = profile_distances(np.array([[1, 0.6, 0.1], [0.6, 1, 0.2], [0.1, 0.2, 1]]))
    assert found[0, 1] == pytest.approx(0.219311, abs=1e-6)
    assert found[0, 2] == pytest.approx(0.671298, abs=1e-6)
    assert found[1, 2] == pytest.approx(0.590629, abs=1e-6)


def test_planted_families_are_branches_with_support(skbio: Any) -> None:
    families = np.repeat(np.arange(3), 4)
    rng = np.random.default_rng(0)
    values = np.where(families[:, None] == families[None, :], 0.7, 0.2) + 0.03 * rng.normal(size=(12, 12))
    values = (values + values.T) / 2
    np.fill_diagonal(values, 1)
    names = [f"model (x):{i}_'a'" for i in range(12)]
    found = tree(comparison(values, names))
    read = skbio.TreeNode.read(io.StringIO(found.newick), convert_underscores=False)
    assert {tip.name for tip in read.tips()} == set(names)
    clades = {frozenset(node.subset()): node.name for node in read.postorder() if not node.is_tip()}
    clades |= {frozenset(names) - part: name for part, name in clades.items()}
    for family in range(3):
        own = frozenset(name for name, one in zip(names, families, strict=True) if one == family)
        assert int(clades[own]) >= 95
    assert names[0] in found.drawn()
    with pytest.raises(ValueError, match="at least three models"):
        tree(comparison(np.eye(2)))
    with pytest.raises(ValueError, match="leave out m1"):
        tree(comparison(np.where(np.eye(3, dtype=bool), np.nan, 0.5) * [[1, np.nan, 1]] * 3 + np.diag([1, np.nan, 1])))


def test_equal_profiles_have_no_distance_and_no_warning() -> None:
    """Rounding makes the divergence of some equal profiles negative, for example of these."""
    generator = np.random.default_rng(0)
    rows = np.repeat(generator.random((50, 3)), 2, axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = profile_distances(rows)
    assert (found[::2, 1::2].diagonal() < 1e-7).all()


def test_any_name_is_that_of_its_tip() -> None:
    names = ["a\tb", "c (d), 'e'; [f]", "g_h i", "j\u2028k{l}", "m:1\nn"]
    rows = np.random.default_rng(0).normal(size=(40, 6))
    models = {name: rows[:, : 3 + i] for i, name in enumerate(names)}
    found = tree(compare(models, metrics=["cka"]), "cka", resamples=3)
    assert {node.name for node in found.layout()} - {""} == set(names)
    assert "\t" not in found.newick
    assert found.drawn()


def test_a_drawing_has_a_line_for_each_model_and_fits_the_width() -> None:
    names = ["a", "bb", "a name of some length"]
    values = np.array([[1, 0.9, 0.1], [0.9, 1, 0.2], [0.1, 0.2, 1]])
    found = tree(comparison(values, names), resamples=0)
    drawing = found.drawn(40).splitlines()
    assert [line.lstrip(" |+-") for line in drawing[::2]] == [names[2], *names[:2]]
    assert max(map(len, drawing)) <= 40
    same = tree(comparison(np.ones((3, 3)), names), resamples=5)
    assert [line.lstrip(" |+-") for line in same.drawn().splitlines()[::2]] == names
