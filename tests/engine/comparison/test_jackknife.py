from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from hyle.engine import compare
from hyle.engine.comparison.jackknife import draw_jackknife_groups, jackknife_interval

METRICS = ("cka", "mutual_knn", "information_imbalance", "intrinsic_dimension")


def models(n: int, seed: int) -> dict[str, np.ndarray]:
    fixed, generator = np.random.default_rng(0), np.random.default_rng([seed, n])
    first, second = fixed.normal(size=(4, 8)), fixed.normal(size=(4, 6))
    shared = generator.normal(size=(n, 4))
    return {
        "a": np.tanh(shared @ first) + 0.5 * generator.normal(size=(n, 8)),
        "b": shared @ second + generator.normal(size=(n, 6)),
    }


def test_jackknife_groups_are_disjoint_and_of_equal_size() -> None:
    drawn = draw_jackknife_groups(43, 8)
    assert [len(rows) for rows in drawn] == [5] * 8
    assert len(np.unique(np.concatenate(drawn))) == 40
    assert not np.array_equal(drawn[0], draw_jackknife_groups(43, 8, seed=1)[0])


def test_samples_of_one_label_stay_together() -> None:
    groups = np.repeat(np.arange(11), [1, 9, 2, 2, 2, 3, 3, 1, 1, 4, 4])
    drawn = draw_jackknife_groups(len(groups), 6, groups=list(groups))
    assert sorted(np.concatenate(drawn)) == list(range(len(groups)))
    labels = [set(groups[rows]) for rows in drawn]
    assert sum(map(len, labels)) == 11
    assert len(draw_jackknife_groups(len(groups), 50, groups=list(groups))) == 11


@pytest.mark.parametrize(
    ("n", "count", "groups", "message"),
    [(20, 4, None, "too few"), (20, 21, None, "cannot be divided"), (20, 5, [0, 1] * 10, "2 groups are too few")],
)
def test_impossible_divisions_raise(n: int, count: int, groups: list[int] | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw_jackknife_groups(n, count, groups=groups)


def test_the_mean_has_its_textbook_interval() -> None:
    values = np.random.default_rng(0).normal(size=30)
    without = np.array([np.delete(values, i).mean() for i in range(30)])
    error, low, high = jackknife_interval(values.mean(), without)
    assert error == pytest.approx(values.std(ddof=1) / 30**0.5)
    assert (high - values.mean()) / error == pytest.approx(2.0452, abs=1e-4)
    assert low < values.mean() < high


def test_the_standard_error_is_the_standard_deviation_between_sample_sets() -> None:
    comparisons = [compare(models(120, seed), metrics=METRICS, k=8, jackknife_groups=20) for seed in range(24)]
    for name in METRICS:
        index = ("a", "b") if "other" in comparisons[0][name].dims else ("a",)
        values, errors = (
            np.array([float(c[f"{name}{suffix}"].loc[index]) for c in comparisons]) for suffix in ("", "_se")
        )
        # The deviation over 24 sets has an error of 15 %; scores of neighbours are not smooth, so se overestimates it.
        assert 0.6 < errors.mean() / values.std(ddof=1) < 2.2
        low, high = (np.array([float(c[f"{name}_{end}"].loc[index]) for c in comparisons]) for end in ("low", "high"))
        assert ((low <= values.mean()) & (values.mean() <= high)).mean() >= 0.8


def test_enough_neighbours_must_remain_without_a_group() -> None:
    with pytest.raises(ValueError, match=r"k=32 .* with 32 samples"):
        compare(models(40, 0), metrics=["mutual_knn"], k=32, jackknife_groups=5)
    with pytest.raises(ValueError, match="groups are for"):
        compare(models(40, 0), metrics=["cka"], groups=[0] * 40)


def test_the_default_number_of_neighbours_is_that_of_all_samples() -> None:
    options = {"metrics": ["intrinsic_dimension"], "jackknife_groups": 5, "keep_resamples": True}
    # 10 neighbours of 100 samples by default, and not 8 where 80 samples remain.
    xr.testing.assert_identical(compare(models(100, 0), **options), compare(models(100, 0), dimension_k=10, **options))
