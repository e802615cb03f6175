"""The depth at which planted layers start to agree."""

from __future__ import annotations

import numpy as np
import pytest

from hyle.engine.analysis import layer_atlas
from hyle.engine.analysis.layer_atlas import half_depth
from hyle.engine.base import InputError


def test_the_depth_at_which_agreement_arises() -> None:
    """Two models of five layers agree the more the deeper they are, and with a third one that has a single layer."""
    grows = np.array([0.0, 0.1, 0.3, 0.5, 0.8])
    excess = np.ones((11, 11))
    excess[:5, 5:10] = np.minimum(grows[:, None], grows)
    excess[:5, 10] = grows
    excess[5:10, 10] = grows
    excess = np.triu(excess, 1) + np.triu(excess, 1).T
    atlas = layer_atlas(excess, ["a"] * 5 + ["b"] * 5 + ["c"])
    assert atlas.models == ("a", "b", "c")
    np.testing.assert_allclose(atlas.depth[:5], [0, 0.25, 0.5, 0.75, 1])
    assert np.isnan(atlas.depth[10])
    np.testing.assert_allclose(atlas.agreement[:5], grows)
    np.testing.assert_allclose(atlas.best_depth[:5], [0, 0.25, 0.5, 0.75, 1])
    # Half of 0.8 lies between 0.3 and 0.5.
    np.testing.assert_allclose(atlas.emergence[[0, 0, 1, 1], [1, 2, 0, 2]], 0.625)
    assert np.isnan(atlas.emergence[2]).all()
    assert atlas.mean.value == pytest.approx(0.625)
    assert np.isnan(atlas.mean.low)  # fewer than six families
    assert atlas.spread == pytest.approx((0.625, 0.625))


def test_families_are_not_compared_with_themselves() -> None:
    excess = np.full((6, 6), 0.9)
    excess[:4, 4:] = 0.2
    excess[4:, :4] = 0.2
    atlas = layer_atlas(excess, ["a", "a", "b", "b", "c", "c"], ["x"] * 4 + ["y"] * 2)
    np.testing.assert_allclose(atlas.agreement, 0.2)
    assert np.isnan(atlas.emergence[0, 1])
    assert atlas.mean.families == 2


def test_six_families_give_an_interval_and_pairs_without_significance_do_not_count() -> None:
    rng = np.random.default_rng(0)
    models = [name for name in "abcdefg" for _ in range(4)]
    depth = np.tile(np.arange(4) / 3, 7)
    excess = np.minimum(depth[:, None], depth) + rng.normal(0, 0.02, (28, 28))
    atlas = layer_atlas(excess, models)
    assert atlas.mean.low < 0.5 < atlas.mean.high
    assert atlas.mean.high - atlas.mean.low < 0.2
    significant = np.ones((28, 28), bool)
    significant[:4] = significant[:, :4] = False
    without = layer_atlas(excess, models, significant=significant)
    assert np.isnan(without.by_model[0])
    assert without.mean.families == 6


@pytest.mark.parametrize(
    ("curve", "depth"),
    [([0.5, 0.4, 1.0], 0.0), ([0.0, 0.0, 1.0], 0.75), ([0.0, 0.6, 0.2], 0.25), ([-0.1, -0.2, 0.0], np.nan)],
)
def test_half_of_the_maximum(curve: list[float], depth: float) -> None:
    np.testing.assert_allclose(half_depth(np.array([0, 0.5, 1]), np.array(curve)), depth)


def test_what_has_no_depth_is_refused() -> None:
    with pytest.raises(InputError, match="no model has several layers"):
        layer_atlas(np.eye(2), ["a", "b"])
    with pytest.raises(InputError, match="of one family"):
        layer_atlas(np.eye(4), ["a", "a", "b", "b"], ["x"] * 4)
    with pytest.raises(InputError, match=r"scores \[L, L\]"):
        layer_atlas(np.eye(3), ["a", "b"])
