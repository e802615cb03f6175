"""Two sets of samples at one number of samples and neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from hyle.engine.analysis import contrast
from hyle.engine.analysis.contrast import redraw, redraw_error
from hyle.engine.base import t_quantile


def models(rng: np.random.Generator, n: int, noise: float, *, states: int = 1) -> dict[str, np.ndarray]:
    """Return seven noisy views of a latent; with several states of each sample, which are near copies."""
    latent = np.repeat(rng.normal(size=(n, 3)), states, 0) + 0.01 * rng.normal(size=(n * states, 3))
    views = np.random.default_rng(9).normal(size=(7, 3, 6))  # the same models on every set
    return {f"m{i}": latent @ view + noise * rng.normal(size=(n * states, 6)) for i, view in enumerate(views)}


def test_a_planted_fall_is_found() -> None:
    rng = np.random.default_rng(0)
    found = contrast(models(rng, 80, 0.1), models(rng, 100, 1.0), ("cka", "mutual_knn"), redraws=8)
    for one in found:
        assert one.low <= one.outside - one.inside <= one.high < 0
        assert one.family_high < 0
        assert (one.n, one.groups, one.models, one.families) == (40, (80, 100), 7, 7)
    assert [one.metric for one in found] == ["cka", "mutual_knn"]


def test_states_of_one_material_do_not_raise_the_score() -> None:
    rng = np.random.default_rng(1)
    first, states = models(rng, 60, 1.0), models(rng, 60, 1.0, states=5)
    groups = np.repeat(np.arange(60), 5)
    plain = contrast(first, states, ("mutual_knn",), redraws=6, n=30, k=4)[0]
    grouped = contrast(first, states, ("mutual_knn",), redraws=6, n=30, k=4, outside_groups=groups)[0]
    assert grouped.groups == (60, 60)
    assert grouped.low < 0 < grouped.high
    # Without groups a subset contains several states of one material, which are neighbours in every model.
    assert plain.groups == (60, 300)
    assert plain.outside > grouped.outside


def test_few_families_have_no_interval_over_families() -> None:
    rng = np.random.default_rng(2)
    families = {f"m{i}": f"f{i // 2}" for i in range(7)}
    one = contrast(models(rng, 40, 0.5), models(rng, 40, 0.5), ("cka",), families=families, redraws=3)[0]
    assert one.families == 4
    assert np.isnan([one.family_low, one.family_high]).all()
    assert one.low < one.high


def test_the_variance_is_that_of_the_whole_set() -> None:
    """For a mean the delete-d jackknife is the usual standard error, and its interval covers the truth."""
    rng, n, sets, missed = np.random.default_rng(3), 60, 200, 0
    for _ in range(sets):
        x = rng.normal(size=n)
        values = redraw(lambda rows, x=x: x[rows].mean(), np.arange(n), n // 2, 60, rng)
        error, df = redraw_error([values], n // 2, [n])
        assert df == pytest.approx(59)
        missed += abs(values.mean()) > t_quantile(0.975, df) * error
    assert binom.ppf(0.0005, sets, 0.05) <= missed <= binom.ppf(0.9995, sets, 0.065)
    many = redraw(lambda rows: x[rows].mean(), np.arange(n), n // 2, 4000, rng)
    assert redraw_error([many], n // 2, [n])[0] ** 2 == pytest.approx(x.var(ddof=1) / n, rel=0.1)


@pytest.mark.parametrize(("n", "groups"), [(20, 400), (30, 60)])
def test_few_redraws_add_their_own_error(n: int, groups: int) -> None:
    """With 20 redraws of a small part of a set, their mean varies as much over redraws as over sets."""
    rng, sets, missed, normal = np.random.default_rng(5), 400, 0, 0
    for _ in range(sets):
        both = [rng.normal(size=groups) for _ in range(2)]
        drawn = [redraw(lambda rows, x=x: x[rows].mean(), np.arange(groups), n, 20, rng) for x in both]
        error, df = redraw_error(drawn, n, [groups, groups])
        change = abs(drawn[1].mean() - drawn[0].mean())
        missed += change > t_quantile(0.975, df) * error
        over_sets = sum(one.var(ddof=1) * n / (groups - n) for one in drawn) ** 0.5
        normal += change > 1.96 * over_sets
    assert binom.ppf(0.001, sets, 0.05) <= missed <= binom.ppf(0.999, sets, 0.05)
    assert normal > missed


def test_a_subset_has_one_sample_of_each_group() -> None:
    groups = np.repeat(np.arange(6), [1, 2, 3, 4, 5, 6])
    drawn = redraw(lambda rows: rows, groups, 4, 50, np.random.default_rng(4))
    assert all(len(set(groups[rows])) == 4 for rows in drawn)
    assert len(set(drawn.ravel().tolist())) == 21


def test_what_is_too_little_is_named() -> None:
    rng = np.random.default_rng(5)
    with pytest.raises(ValueError, match="share 1 models"):
        contrast(models(rng, 40, 1), {"m0": np.ones((30, 2))})
    with pytest.raises(ValueError, match="9 samples of 18 and 40 groups"):
        contrast(models(rng, 18, 1), models(rng, 40, 1))
    with pytest.raises(ValueError, match="40 samples of 40 and 40 groups"):
        contrast(models(rng, 40, 1), models(rng, 40, 1), n=40)
