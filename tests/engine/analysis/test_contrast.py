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


def test_pairs_cancel_what_both_states_of_a_sample_have_in_common() -> None:
    rng = np.random.default_rng(6)
    before = models(rng, 60, 0.8)
    after = {name: x + 0.05 * rng.normal(size=x.shape) for name, x in before.items()}
    apart, together = (contrast(before, after, ("mutual_knn",), paired=paired)[0] for paired in (False, True))
    assert together.error < apart.error / 2
    assert contrast(before, before, ("mutual_knn",), paired=True)[0].error == 0
    assert together.inside == apart.inside  # the same draws


@pytest.mark.thorough
def test_the_interval_of_pairs_covers_the_change() -> None:
    """The change of all pairs that there could be, estimated from 4,000 of them, is in the intervals of 60 of them."""
    views, k = np.random.default_rng(9).normal(size=(3, 3, 6)), 4

    def states(rng: np.random.Generator, n: int) -> list[dict[str, np.ndarray]]:
        latent = rng.normal(size=(n, 3))
        before = {f"m{i}": latent @ view + 0.5 * rng.normal(size=(n, 6)) for i, view in enumerate(views)}
        return [before, {name: x + 0.5 * rng.normal(size=x.shape) for name, x in before.items()}]

    rng, sets = np.random.default_rng(7), 60
    large = contrast(*states(rng, 4000), ("mutual_knn",), paired=True, n=30, k=k, redraws=150)[0]
    truth = large.outside - large.inside
    found = [contrast(*states(rng, 60), ("mutual_knn",), paired=True, n=30, k=k)[0] for _ in range(sets)]
    missed = sum(not one.low <= truth <= one.high for one in found)
    assert truth < -0.05
    assert binom.ppf(0.001, sets, 0.05) <= missed <= binom.ppf(0.999, sets, 0.06)


def test_pairs_have_to_be_pairs() -> None:
    rng = np.random.default_rng(8)
    x = models(rng, 40, 1)
    with pytest.raises(ValueError, match="not pairs: they have 40 and 30 samples"):
        contrast(x, {name: one[:30] for name, one in x.items()}, paired=True)
    with pytest.raises(ValueError, match="or other groups"):
        contrast(x, x, inside_groups=np.arange(40) // 2, outside_groups=np.arange(40) // 4, paired=True, n=12)


def test_controls_are_beside_the_models() -> None:
    rng = np.random.default_rng(9)
    first, second = models(rng, 60, 0.3), models(rng, 60, 0.3)
    plain = contrast(first, second, ("cka",), redraws=4)[0]
    first["noise"], second["noise"] = rng.normal(size=(60, 4)), rng.normal(size=(60, 4))
    first["like"], second["like"] = rng.normal(size=(60, 4)), second["m0"]
    found = contrast(first, second, ("cka",), controls=("noise", "like", "absent"), redraws=4)[0]
    assert (found.inside, found.low, found.models) == pytest.approx((plain.inside, plain.low, 7))
    assert list(found.controls) == ["noise", "like"]
    assert np.abs(found.controls["noise"]).max() < 0.15
    assert found.controls["like"][1] > found.outside > found.controls["like"][0] + 0.5
