from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from hyle.engine import compare, load_comparison, reconstruction_error, save_comparison
from hyle.engine.comparison import jackknife_design
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
    even = [(rows % 2 == 0).sum() for rows in drawn]
    assert set(even) == {2, 3}


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


def test_the_error_is_that_of_all_samples_where_some_are_in_no_group() -> None:
    """39 samples in 20 groups of one: on average the squared error is the variance of the mean, 1 / 39."""
    squares, covered, sets = [], 0, 400
    for seed in range(sets):
        values = np.random.default_rng(seed).normal(size=39)
        groups = draw_jackknife_groups(39, 20, seed=seed)
        without = np.array([np.delete(values, group).mean() for group in groups])
        error, low, high = jackknife_interval(values.mean(), without, sizes=[1] * 20, n=39)
        squares.append(error**2)
        covered += low < 0 < high
    # A squared error has a relative standard deviation of sqrt(2 / 19); 4 deviations of the mean, and of the binomial.
    assert np.mean(squares) * 39 == pytest.approx(1, abs=4 * (2 / 19 / sets) ** 0.5)
    assert covered / sets == pytest.approx(0.95, abs=4 * (0.95 * 0.05 / sets) ** 0.5)


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_groups_of_unequal_size_have_the_error_of_the_mean(spread: float) -> None:
    """Independent samples, and samples that share the value of their group: both have the error of the pooled mean."""
    sizes = np.array([1, 2, 3, 4, 5, 6, 7, 8, 2, 3, 4, 6])
    labels, squares, sets = np.repeat(np.arange(12), sizes), [], 600
    for seed in range(sets):
        rng = np.random.default_rng(seed)
        values = rng.normal(size=51) + spread * 5 * rng.normal(size=12)[labels]
        without = np.array([values[labels != label].mean() for label in range(12)])
        squares.append(jackknife_interval(values.mean(), without, sizes=sizes)[0] ** 2)
    truth = 1 / 51 + 25 * spread * (sizes**2).sum() / 51**2
    assert np.mean(squares) == pytest.approx(truth, rel=0.1)


def test_a_comparison_knows_the_sizes_of_its_groups(tmp_path: Path) -> None:
    path = save_comparison(
        compare(models(43, 0), metrics=["cka"], jackknife_groups=8, keep_resamples=True), tmp_path / "c.nc"
    )
    found = load_comparison(path)
    design = jackknife_design(found, "cka")
    assert (list(design["sizes"]), design["n"]) == ([5] * 8, 43)
    error = jackknife_interval(found.cka.values, found.cka_jackknife_values.values, **design)[0]
    np.testing.assert_allclose(error, found.cka_se.values)
    labels = {str(i): i % 9 for i in range(43)} | {"0": 3}
    grouped = compare(models(43, 0), metrics=["cka"], jackknife_groups=30, keep_resamples=True, groups=labels)
    assert sum(jackknife_design(grouped, "cka")["sizes"]) == 43


@pytest.mark.thorough
def test_leaving_out_samples_moves_no_row_between_training_and_test() -> None:
    """A row far from all others is in training; its error enters only the values of the groups that leave it out."""
    panel = models(40, 0)
    panel["b"][20] += 30
    found = compare(panel, metrics=["reconstruction_error"], jackknife_groups=10, keep_resamples=True, seed=3)
    values = found.reconstruction_error_jackknife_values.sel(model="a", other="b").values
    groups = draw_jackknife_groups(40, 10, seed=3)
    for group, value in zip(groups, values, strict=True):
        kept = np.setdiff1d(np.arange(40), group)
        expected = reconstruction_error(*(panel[name][kept] for name in "ab"), train=np.flatnonzero(kept % 2 == 0))
        assert value == pytest.approx(float(expected), rel=1e-3)


@pytest.mark.thorough
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
