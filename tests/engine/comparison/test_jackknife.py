from __future__ import annotations

import numpy as np
import pytest

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


def test_parts_are_apart_and_of_one_size() -> None:
    found = draw_jackknife_groups(43, 8)
    assert [len(part) for part in found] == [5] * 8
    assert len(np.unique(np.concatenate(found))) == 40
    assert not np.array_equal(found[0], draw_jackknife_groups(43, 8, seed=1)[0])


def test_groups_stay_whole() -> None:
    groups = np.repeat(np.arange(11), [1, 9, 2, 2, 2, 3, 3, 1, 1, 4, 4])
    found = draw_jackknife_groups(len(groups), 6, groups=list(groups))
    assert sorted(np.concatenate(found)) == list(range(len(groups)))
    held = [set(groups[part]) for part in found]
    assert sum(len(one) for one in held) == 11
    assert len(draw_jackknife_groups(len(groups), 50, groups=list(groups))) == 11


@pytest.mark.parametrize(
    ("n", "count", "groups", "wrong"),
    [(20, 4, None, "too few"), (20, 21, None, "cannot be divided"), (20, 5, [0, 1] * 10, "2 groups are too few")],
)
def test_what_cannot_be_parted(n: int, count: int, groups: list[int] | None, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        draw_jackknife_groups(n, count, groups=groups)


def test_the_mean_has_its_textbook_interval() -> None:
    values = np.random.default_rng(0).normal(size=30)
    without = np.array([np.delete(values, i).mean() for i in range(30)])
    error, low, high = jackknife_interval(values.mean(), without)
    assert error == pytest.approx(values.std(ddof=1) / 30**0.5)
    assert (high - values.mean()) / error == pytest.approx(2.0452, abs=1e-4)
    assert low < values.mean() < high


def test_the_standard_error_is_the_spread_between_sets_of_samples() -> None:
    found = [compare(models(120, seed), metrics=METRICS, k=8, jackknife_groups=20) for seed in range(24)]
    for name in METRICS:
        place = ("a", "b") if "other" in found[0][name].dims else ("a",)
        values, errors = (
            np.array([float(one[f"{name}{suffix}"].loc[place]) for one in found]) for suffix in ("", "_se")
        )
        # With 24 sets the spread itself is known to 15 %; neighbour scores, not being smooth, are given too much.
        assert 0.6 < errors.mean() / values.std(ddof=1) < 2.2
        low, high = (np.array([float(one[f"{name}_{end}"].loc[place]) for one in found]) for end in ("low", "high"))
        assert ((low <= values.mean()) & (values.mean() <= high)).mean() >= 0.8


def test_left_out_parts_must_leave_enough_neighbours() -> None:
    with pytest.raises(ValueError, match=r"k=32 .* from 32 samples"):
        compare(models(40, 0), metrics=["mutual_knn"], k=32, jackknife_groups=5)
    with pytest.raises(ValueError, match="groups say how"):
        compare(models(40, 0), metrics=["cka"], groups=[0] * 40)
