"""One model among others, and the four quadrants."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.stats import binom, ttest_ind

from hyle.engine import compare
from hyle.engine.analysis import Estimate, align_to, difference, quadrant

PANEL = [[0.1, 0.8], [0.2, 0.7], [0.3, 0.5], [0.4, 0.6], [0.5, 0.2], [0.6, 0.1]]


@pytest.fixture(scope="module")
def comparison() -> xr.Dataset:
    generator = np.random.default_rng(0)
    shared = generator.normal(size=(80, 4))
    models = {name: shared @ generator.normal(size=(4, 6)) for name in ("a", "b", "c")}
    models = {name: x + generator.normal(size=x.shape) for name, x in models.items()}
    models |= {"d": generator.normal(size=(80, 6)), "~": models["a"] + 0.1 * generator.normal(size=(80, 6))}
    metrics = ("cka", "information_imbalance")
    found = compare(models, metrics=metrics, k=8, permutations=60, jackknife_groups=10, keep_resamples=True)
    return found.assign(family=("model", ["one", "one", "two", "three", ""]))


def test_the_nearest_stands_first_and_noise_is_by_chance(comparison: xr.Dataset) -> None:
    for metric in ("cka", "information_imbalance"):
        found = align_to(comparison, "~", metric, others=["a", "b", "c", "d"])
        assert found.others[0] == "a"
        assert found.to("a").value > 0.7 > found.to("c").value
        assert found.to("d").value < 0.05
        assert found.p[found.others.index("d")] > 0.05 > found.p[0]
        assert found.mean_p < 0.05
        assert found.to("c").low < found.to("c").value < found.to("c").high


def test_each_family_counts_once(comparison: xr.Dataset) -> None:
    found = align_to(comparison, "~", "cka", others=["a", "b", "c"])
    a, b, c = (found.to(name).value for name in "abc")
    assert found.mean.value == pytest.approx(((a + b) / 2 + c) / 2)
    parts = comparison.cka_jackknife_values.sel(model="~", other="c").values
    room = 1 - float(comparison.cka_threshold.sel(model="~", other="c"))
    spread = np.clip((parts - 1 + room) / room, 0, 1)
    assert found.to("c").se == pytest.approx((9 / 10 * ((spread - spread.mean()) ** 2).sum()) ** 0.5)


def test_the_calibrated_score_is_that_of_the_comparison(comparison: xr.Dataset) -> None:
    found = align_to(comparison, "b", "cka", others=["c"])
    assert found.alignment[0].value == pytest.approx(float(comparison.cka_calibrated.sel(model="b", other="c")))
    # b is permuted against a, but fixed against c.
    assert np.isnan(align_to(comparison, "b", "cka", others=["a", "c"]).mean_p)


def test_one_is_the_score_of_a_model_with_itself() -> None:
    """A copy is as aligned as can be, though its information imbalance is (k + 1) / n and not 0."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(40, 4))
    rows = {"a": x, "b": x + 0.5 * rng.normal(size=x.shape), "c": x}
    found = compare(rows, metrics=["information_imbalance"], permutations=60, keep_resamples=True)
    k = found.information_imbalance.attrs["k"]
    result = align_to(found, "c", "information_imbalance", others=["a", "b"])
    assert result.to("a").value == 1
    assert result.score[0] == pytest.approx((k + 1) / 40)
    shares = []
    for one, other in (("c", "b"), ("b", "c")):
        score, level = (
            found[f"information_imbalance{suffix}"].sel(model=one, other=other).item() for suffix in ("", "_threshold")
        )
        shares.append((level - score) / (level - (k + 1) / 40))
    assert result.to("b").value == pytest.approx(np.mean(shares))
    calibrated = found.information_imbalance_calibrated.sel(model="b", other="c").item()
    assert calibrated == pytest.approx(shares[1])


def test_the_mean_has_a_p_only_where_one_side_is_permuted() -> None:
    """~ is permuted against a, which repeats no rows, but fixed against r, which does: r is permuted in that pair."""
    rng = np.random.default_rng(4)
    rows = {name: rng.normal(size=(40, 4)) for name in ("a", "s", "~")}
    rows["r"] = np.round(rng.normal(size=(40, 1)))
    found = compare(rows, metrics=["cka"], permutations=39, keep_resamples=True)
    null = found.cka_null_samples
    for others, defined in (("as", True), ("ar", False), ("r", True)):
        result = align_to(found, "~", "cka", others=list(others))
        assert np.isfinite(result.mean_p) == defined
        if defined:
            mean, chance = (one.sel(model="~", other=list(others)).values.mean(-1) for one in (found.cka, null))
            assert result.mean_p == pytest.approx((1 + (chance >= mean).sum()) / 40)
    # The first model by name is fixed in all of its pairs, which is as good.
    assert np.isfinite(align_to(found, "a", "cka", others=["s", "~", "r"]).mean_p)
    unknown = found.drop_vars("permutation_order")
    assert np.isnan(align_to(unknown, "~", "cka", others=["a", "s"]).mean_p)


def test_what_cannot_be_placed(comparison: xr.Dataset) -> None:
    with pytest.raises(ValueError, match="no model is called 'x'"):
        align_to(comparison, "~", "cka", others=["x"])
    with pytest.raises(ValueError, match="keeps no permutations"):
        align_to(comparison.drop_vars("cka_null_samples"), "~", "cka", others=["a"])
    with pytest.raises(ValueError, match="no defined cka"):
        align_to(comparison, "~", "cka", others=[])


def test_a_difference_has_both_errors() -> None:
    found = difference(Estimate(0.5, 0.03), Estimate(0.3, 0.04))
    assert found[:4] == pytest.approx((-0.2, 0.05, -0.298, -0.102), abs=1e-5)
    assert np.isnan(found.df)


def test_a_difference_has_the_degrees_of_freedom_of_welch() -> None:
    # Two errors of five groups each: 8, for which tables have t = 2.306.
    equal = difference(Estimate(0.2, 0.03, df=4), Estimate(0.5, 0.03, df=4))
    assert equal.df == pytest.approx(8)
    assert (equal.high - equal.low) / 2 == pytest.approx(2.306 * 0.03 * 2**0.5, rel=1e-4)
    # SciPy has the same test of two samples, whose means have these errors and n - 1 degrees of freedom.
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=7), 1 + 3 * rng.normal(size=12)
    test = ttest_ind(second, first, equal_var=False)
    found = difference(*(Estimate(x.mean(), x.std(ddof=1) / len(x) ** 0.5, df=len(x) - 1) for x in (first, second)))
    assert found.df == pytest.approx(test.df)
    assert (found.low, found.high) == pytest.approx(tuple(test.confidence_interval()))
    # One error that is known exactly leaves the other's share of the variance: 4 / (1 / 2)^2 = 16.
    assert difference(Estimate(0.2, 0.03, df=4), Estimate(0.5, 0.03)).df == pytest.approx(16)
    assert difference(Estimate(0.2, 0.0, df=4), Estimate(0.5, 0.0, df=4))[:4] == pytest.approx((0.3, 0, 0.3, 0.3))


def test_differences_of_few_groups_cover_the_truth() -> None:
    rng = np.random.default_rng(0)
    missed = 0
    for _ in range(2000):
        both = rng.normal(size=(2, 5))
        found = difference(*(Estimate(x.mean(), x.std(ddof=1) / 5**0.5, df=4) for x in both))
        missed += not found.low <= 0 <= found.high
    # 1.96 standard errors would miss it in 8.6 % of the sets.
    assert binom.ppf(0.0005, 2000, 0.04) <= missed <= binom.ppf(0.9995, 2000, 0.05)


def test_a_profile_states_its_degrees_of_freedom(comparison: xr.Dataset) -> None:
    found = align_to(comparison, "~", "cka", others=["a", "b", "c"])
    assert [found.mean.df, found.to("c").df] == pytest.approx([9, 9])  # ten groups of eight
    c = found.to("c")
    assert (c.high - c.low) / 2 == pytest.approx(2.262 * c.se, rel=1e-3)  # t of 9 in tables


@pytest.mark.parametrize(
    ("own", "name"),
    [
        ((0.05, 0.9), "foundational"),
        ((0.05, 0.0), "local optimum"),
        ((0.9, 0.9), "missing information"),
        ((0.9, 0.0), "sub-optimal"),
        ((0.35, 0.9), None),
    ],
)
def test_the_four_quadrants(own: tuple[float, float], name: str | None) -> None:
    found = quadrant(own, PANEL, own_se=(0.02, 0.05), higher_is_better=False)
    assert found.name == name
    assert sum(found.probability.values()) == pytest.approx(1)
    assert found == quadrant(own, PANEL, own_se=(0.02, 0.05), higher_is_better=False)
    assert found.median == pytest.approx((0.35, 0.55))
    turned = quadrant((1 - own[0], own[1]), [[1 - a, b] for a, b in PANEL], own_se=(0.02, 0.05))
    assert turned.better == pytest.approx(found.better, abs=0.02)


def test_large_errors_are_not_told() -> None:
    sure = quadrant((0.2, 0.75), PANEL * 4, higher_is_better=False)
    unsure = quadrant((0.2, 0.75), PANEL * 4, own_se=(0.3, 0.3), higher_is_better=False)
    assert sure.name == "foundational"
    assert unsure.name is None
    assert unsure.better < sure.better


def test_a_family_with_many_models_counts_once() -> None:
    crowd = [[0.01, 0.95]] * 20
    alone = quadrant((0.2, 0.75), [*PANEL, *crowd], higher_is_better=False)
    assert alone.name == "sub-optimal"
    found = quadrant((0.2, 0.75), [*PANEL, *crowd], families=[*"abcdef", *"g" * 20], higher_is_better=False)
    assert (found.models, found.families) == (26, 7)
    assert found.median == pytest.approx((0.3, 0.6))
    assert found.probability["sub-optimal"] < 0.2


def test_too_few_models_have_no_middle() -> None:
    with pytest.raises(ValueError, match="4 models of 4 families of the panel"):
        quadrant((0.1, 0.1), [*PANEL[:4], [np.nan, 0.3]])
    with pytest.raises(ValueError, match="6 models of 5 families of the panel"):
        quadrant((0.1, 0.1), PANEL, families=["a", "a", "b", "c", "d", ""])
    with pytest.raises(ValueError, match="needs performance and alignment"):
        quadrant((np.nan, 0.1), PANEL)
