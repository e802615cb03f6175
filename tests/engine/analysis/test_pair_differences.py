"""Differences of pairs, ranks of pairs and noise ceilings, on planted truth and on noise."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.special import stdtr

from hyle.engine import cka, compare
from hyle.engine.analysis import ceiling_shares, pair_difference, rank_intervals
from hyle.engine.analysis.pairs import two_sided_p
from hyle.engine.permutation import draw

N = 120
PROJECTION = np.random.default_rng(99).normal(size=(4, 8))


def panel(seed: int, noise: dict[str, float]) -> dict[str, np.ndarray]:
    """Draw models of one latent picture, each with noise of its own size."""
    generator = np.random.default_rng(seed)
    picture = generator.normal(size=(N, 4)) @ PROJECTION
    return {name: (picture + size * generator.normal(size=picture.shape)).astype("f4") for name, size in noise.items()}


def comparison(seed: int, noise: dict[str, float], **options: object):
    settings = {"metrics": ["cka"], "jackknife_groups": 20, "keep_resamples": True, **options}
    return compare(panel(seed, noise), **settings)


def test_the_rate_of_errors_and_the_power() -> None:
    """b and c are equally near to a over all samples, and d is less near.

    Under permutation all pairs are unrelated, and their differences vary less than those of aligned pairs: a p-value
    from the permutations would find a difference between equal pairs far too often.
    """
    equal, unrelated, different = [], [], []
    for seed in range(20):
        found = comparison(seed, {"a": 0.5, "b": 1.0, "c": 1.0, "d": 2.0}, permutations=119)
        same = pair_difference(found, "cka", ("a", "b"), ("a", "c"))
        equal.append(same.p <= 0.05)
        unrelated.append(same.p_unrelated <= 0.05)
        different.append(pair_difference(found, "cka", ("a", "b"), ("a", "d")).p <= 0.05)
    assert sum(equal) <= 4  # 1 is expected at 5 %; 5 or more have a probability of 0.3 %
    assert sum(unrelated) >= 4
    assert sum(different) == 20


def test_the_difference_is_that_of_the_scores_and_its_error_that_of_paired_values() -> None:
    rows = panel(0, {"a": 0.5, "b": 1.0, "c": 2.0})
    found = compare(rows, metrics=["cka"], jackknife_groups=20, permutations=60, keep_resamples=True)
    result = pair_difference(found, "cka", ("a", "b"), ("c", "a"))
    expected = float(cka(rows["a"], rows["b"])) - float(cka(rows["a"], rows["c"]))
    assert result.difference.value == pytest.approx(expected, abs=1e-5)
    values = found.cka_jackknife_values.values.astype(float)
    paired = values[:, 0, 1] - values[:, 0, 2]
    se = np.sqrt(19 / 20 * ((paired - paired.mean()) ** 2).sum())
    assert result.difference.se == pytest.approx(se, rel=1e-6)
    null = found.cka_null_samples.values
    assert result.chance == pytest.approx((null[:, 0, 1] - null[:, 0, 2]).mean(), abs=1e-7)
    back = pair_difference(found, "cka", ("a", "c"), ("a", "b"))
    assert back.difference.value == pytest.approx(-result.difference.value)
    assert (back.p, back.p_unrelated) == pytest.approx((result.p, result.p_unrelated))


@pytest.mark.parametrize(("shared", "defined"), [("a", True), ("m", False), ("z", True)])
def test_both_pairs_are_permuted_by_the_same_orders(shared: str, defined: bool) -> None:
    """The first and the last model by name are fixed or permuted in both pairs; the middle one moves both ways."""
    rows = panel(1, {"x": 3.0, "b": 8.0, "y": 8.0})
    named = {shared: rows["x"], "b": rows["b"], "y": rows["y"]}
    found = compare(named, metrics=["cka"], jackknife_groups=10, permutations=39, keep_resamples=True)
    result = pair_difference(found, "cka", (shared, "b"), (shared, "y"))
    assert np.isfinite(result.chance)
    if not defined:
        assert np.isnan(result.p_unrelated)
        return
    values, scores = [], []
    for order in (np.arange(N), *draw(N, 39).orders):
        moved = rows["x"][order if shared == "z" else np.argsort(order)]  # the same as the others moved by the order
        scores.append([float(cka(moved, rows[name])) for name in "by"])
        values.append(scores[-1][0] - scores[-1][1])
    np.testing.assert_allclose(result.scores, scores[0], atol=1e-6)
    far = np.abs(np.array(values) - np.mean(values))
    assert result.p_unrelated == pytest.approx((far >= far[0] - 1e-6).mean())


def test_pairs_without_a_shared_model_are_permuted_by_the_same_orders() -> None:
    found = comparison(0, {"a": 1.0, "b": 2.0, "c": 2.0, "d": 1.0}, permutations=39)
    for first, second in (("ab", "cd"), ("ac", "db"), ("ad", "bc")):
        assert np.isfinite(pair_difference(found, "cka", tuple(first), tuple(second)).p_unrelated)
    unknown = found.drop_vars("permutation_order").drop_vars("duplicates")
    assert np.isnan(pair_difference(unknown, "cka", ("a", "b"), ("c", "d")).p_unrelated)


def test_ranks_cover_the_truth_and_separate_what_differs() -> None:
    noise = {"a": 0.3, "b": 0.6, "c": 1.2, "d": 2.4}
    covered = separated = 0
    for seed in range(20):
        ranks = rank_intervals(comparison(seed, noise), "cka")
        assert np.isnan(ranks["rank"].values.diagonal()).all()
        low, high = (ranks[name].sel(model="a", other="b").item() for name in ("rank_low", "rank_high"))
        covered += low <= 1 <= high
        separated += ranks.rank_low.sel(model="c", other="d").item() > high
    assert covered >= 18
    assert separated == 20


def test_ranks_of_equal_pairs_are_wide() -> None:
    ranks = rank_intervals(comparison(0, dict.fromkeys("abcd", 1.0)), "cka")
    upper = np.triu_indices(4, 1)
    assert (ranks.rank_low.values[upper] <= 3).all()
    assert (ranks.rank_high.values[upper] >= 4).all()
    assert sorted(ranks["rank"].values[upper]) == [1, 2, 3, 4, 5, 6]


def test_the_share_of_a_ceiling() -> None:
    found = comparison(0, {"a": 1.0, "a1": 1.0, "b": 3.0}, permutations=60)
    shares = ceiling_shares(found, "cka", ("a", "a1"))
    assert shares.share.sel(model="a", other="a1").item() == pytest.approx(1)
    score, null = (found[name].sel(model="a", other="b").item() for name in ("cka", "cka_null"))
    top, level = (found[name].sel(model="a", other="a1").item() for name in ("cka", "cka_null"))
    expected = (score - null) / (top - level)
    assert shares.share.sel(model="a", other="b").item() == pytest.approx(expected, abs=1e-6)
    low, high = (shares[name].sel(model="a", other="b").item() for name in ("share_low", "share_high"))
    assert low < expected < high < 1


@pytest.mark.parametrize("metric", ["cka", "cka_rbf", "cknna", "distance_correlation", "procrustes", "rsa"])
def test_pairs_that_differ_by_rounding_only_are_equal(metric: str) -> None:
    """b is a multiple of a, and c a rotation of a: all are as near to x, and as near to each other."""
    generator = np.random.default_rng(5)
    a = generator.normal(size=(60, 6)).astype("f4")
    turn = np.linalg.qr(generator.normal(size=(6, 6)))[0]
    x = a + 0.5 * generator.normal(size=a.shape)
    rows = {"x": x.astype("f4"), "a": a, "b": 3.7 * a, "c": (a @ turn).astype("f4")}
    found = compare(rows, metrics=[metric], k=5, permutations=59, jackknife_groups=10, keep_resamples=True)
    for second in ("b", "c"):
        result = pair_difference(found, metric, ("x", "a"), ("x", second))
        assert tuple(result.difference)[:4] == (0, 0, 0, 0)
        assert (result.chance, result.p, result.p_unrelated) == (0, 1, 1)
    ranks = rank_intervals(found, metric)
    upper = np.triu_indices(4, 1)  # x-a, x-b, x-c, a-b, a-c, b-c
    assert ranks["rank"].values[upper].tolist() == [4, 4, 4, 1, 1, 1]


def test_p_and_interval_agree_for_groups_of_unequal_size() -> None:
    """Where the interval of the difference excludes 0, p is below 0.05, and the other way round."""
    agree, significant = [], []
    for seed in range(12):
        rows = panel(seed, {"a": 0.5, "b": 1.0, "c": 1.3})
        groups = np.repeat(np.arange(8), [50, 10, 10, 10, 10, 10, 10, 10])
        found = compare(rows, metrics=["cka"], jackknife_groups=8, groups=groups.tolist(), keep_resamples=True)
        result = pair_difference(found, "cka", ("a", "b"), ("a", "c"))
        excluded = not result.difference.low <= 0 <= result.difference.high
        agree.append(excluded == (result.p <= 0.05))
        significant.append(2 * stdtr(7, -abs(result.difference.value / result.difference.se)) <= 0.05)
    assert all(agree)
    assert sum(significant) > 0  # with g - 1 degrees of freedom, which groups of unequal size do not have


def test_what_does_not_vary_has_no_p() -> None:
    """A difference that is the same without every jackknife group does not show how much it varies."""
    assert np.isnan(two_sided_p(1.0, 0.0, 4))
    assert two_sided_p(0.0, 0.0, 4) == 1
    assert two_sided_p(2.776445, 1.0, 4) == pytest.approx(0.05, abs=1e-6)  # 97.5 % point of t with 4 degrees of freedom


def test_scores_that_are_not_defined_under_permutation_give_no_p() -> None:
    found = comparison(0, {"a": 0.5, "b": 1.0, "c": 1.0}, permutations=39)
    found["cka_null_samples"] = found.cka_null_samples.where(np.arange(39)[:, None, None] != 3)
    assert np.isnan(pair_difference(found, "cka", ("a", "b"), ("a", "c")).p_unrelated)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [("ab", "ba", "are the same pair"), ("ax", "ab", "no model is called 'x'"), ("aa", "ab", "not a pair")],
)
def test_bad_pairs(first: str, second: str, words: str) -> None:
    found = comparison(0, {"a": 0.5, "b": 1.0, "c": 1.0})
    with pytest.raises(ValueError, match=words):
        pair_difference(found, "cka", tuple(first), tuple(second))


def test_what_is_missing_is_named() -> None:
    plain = compare(panel(0, {"a": 0.5, "b": 1.0, "c": 1.0}), metrics=["cka"])
    for ask in (
        lambda: pair_difference(plain, "cka", ("a", "b"), ("a", "c")),
        lambda: rank_intervals(plain, "cka"),
    ):
        with pytest.raises(ValueError, match="jackknife_groups=20"):
            ask()
    noise = {name: np.random.default_rng(i).normal(size=(50, 5)) for i, name in enumerate("abc")}
    worse = min(combinations("abc", 2), key=lambda pair: float(cka(noise[pair[0]], noise[pair[1]])))
    with pytest.raises(ValueError, match="is not above its chance level"):
        ceiling_shares(compare(noise, metrics=["cka"]), "cka", worse)
    constant = compare(noise | {"k": np.ones((50, 5))}, metrics=["cka"])
    with pytest.raises(ValueError, match="cka of the ceiling a-k is not defined"):
        ceiling_shares(constant, "cka", ("a", "k"))
