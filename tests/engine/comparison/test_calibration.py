from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from hyle.engine import calibrate, cknna, compare, cycle_knn, list_metrics, mutual_knn
from hyle.engine.comparison.calibration import adjusted, null_of
from hyle.engine.permutation.draw import draw

# The module: in the package, its name refers to the function.
compare_module = importlib.import_module("hyle.engine.comparison.compare")

PAIR_METRICS = [metric.name for metric in list_metrics().values() if metric.kind == "pair"]
# One metric for each way to compute the null distribution.
KINDS = ("cka", "cka_biased", "cka_rbf", "distance_correlation", "mutual_knn", "cknna", "information_imbalance", "rsa")
CASES = [
    pytest.param(name, 40, grouped, marks=[pytest.mark.thorough] * (name not in (*KINDS, "id_correlation")))
    for name in PAIR_METRICS
    if list_metrics()[name].null
    for grouped in (False, True)
]
CASES += [pytest.param(name, 41, False) for name in ("cka", "distance_correlation", "rsa")]


def panel(n: int, seed: int = 0) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    shared = generator.normal(size=(n, 4))
    return {
        "b": shared @ generator.normal(size=(4, 9)) + 0.5 * generator.normal(size=(n, 9)),
        "a": np.tanh(shared @ generator.normal(size=(4, 12))),
        "c": 100 + generator.normal(size=(n, 6)),
    }


def noise(m: int, n: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Draw independent representations of many widths, every second one with heavy tails."""
    generator = np.random.default_rng(seed)
    return {f"m{i:03d}": generator.normal(size=(n, 3 + i % 20)) ** (1 + 2 * (i % 2)) for i in range(m)}


@pytest.mark.parametrize(("name", "n", "grouped"), CASES)
def test_the_fast_null_equals_reevaluation_under_each_permutation(
    monkeypatch: pytest.MonkeyPatch, name: str, n: int, grouped: bool
) -> None:
    groups = [str(i % 2) for i in range(n)] if grouped else None
    options = {"metrics": [name], "k": 4, "rank_k": 2, "permutations": 3, "groups": groups}
    fast = compare(panel(n), **options)
    monkeypatch.setattr(compare_module, "null_of", lambda metric, *rest: null_of(replace(metric, null=None), *rest))
    reevaluated = compare(panel(n), **options)
    # Reconstruction is fitted to other samples if x is permuted than if y is permuted.
    kept = np.array(
        [[a <= b or name not in ("reconstruction_error", "linear_regression") for b in "bac"] for a in "bac"]
    )
    for suffix in ("null", "threshold", "p", "calibrated"):
        first, second = (np.where(kept, found[f"{name}_{suffix}"], 0) for found in (fast, reevaluated))
        np.testing.assert_allclose(first, second, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("name", ["cka", "cknna", "information_imbalance", "procrustes"])
def test_the_order_of_the_models_does_not_matter(name: str) -> None:
    models = panel(40)
    one = compare(models, metrics=[name], k=4, permutations=9)
    other = compare(dict(reversed(models.items())), metrics=[name], k=4, permutations=9)
    for suffix in ("null", "p", "threshold", "calibrated", "q"):
        np.testing.assert_allclose(one[f"{name}_{suffix}"], other[f"{name}_{suffix}"].sel(one.coords), atol=1e-6)


@pytest.mark.parametrize("name", KINDS)
def test_noise_is_significant_in_about_a_twentieth_of_pairs(name: str) -> None:
    found = compare(noise(64, 40), metrics=[name], k=5, permutations=39)
    above = np.triu_indices(64, 1)
    share = (found[f"{name}_p"].values[above] <= 0.05).mean()
    assert 0.03 <= share <= 0.07
    assert (found[f"{name}_calibrated"].values[above] > 0).mean() <= 0.07
    assert (found[f"{name}_q"].values[above] > 0.05).mean() > 0.99


def test_shared_structure_is_significant() -> None:
    found = compare(panel(80), metrics=["cka", "mutual_knn", "information_imbalance"], permutations=79, k=8)
    for name in ("cka", "mutual_knn", "information_imbalance"):
        assert found[f"{name}_p"].sel(model="a", other="b") == pytest.approx(1 / 80)
        assert found[f"{name}_p"].sel(model="a", other="c") > 0.05
        assert found[f"{name}_calibrated"].sel(model="a", other="b") > 0.1
        assert np.isnan(found[f"{name}_q"].sel(model="a", other="a"))
        np.testing.assert_allclose(np.diag(found[f"{name}_calibrated"]), 1, atol=1e-5)


def test_agreement_explained_by_groups_is_not_significant_within_groups() -> None:
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(8), 10)
    centres = generator.normal(size=(8, 5)) * 4
    # The models share the group centres and nothing within groups.
    models = {name: centres[groups] + generator.normal(size=(80, 5)) for name in "abcdefg"}
    unrestricted = compare(models, metrics=["cka", "mutual_knn"], k=5, permutations=79)
    within = compare(models, metrics=["cka", "mutual_knn"], k=5, permutations=79, groups=list(groups))
    pairs = np.triu_indices(7, 1)
    for name in ("cka", "mutual_knn"):
        assert (unrestricted[f"{name}_p"].values[pairs] <= 0.05).all()
        assert (within[f"{name}_p"].values[pairs] <= 0.05).mean() < 0.2
    assert within.attrs["groups"] == 8


def test_groups_are_matched_by_id() -> None:
    class Embedded:
        def __init__(self, embedding: np.ndarray, ids: list[str]) -> None:
            self.embedding, self.ids = embedding, ids

    models = panel(20)
    ids = [f"s{i}" for i in range(20)]
    named: Mapping[str, Embedded] = {name: Embedded(x, ids) for name, x in models.items()}
    groups = {one: i % 2 for i, one in enumerate(ids)}
    assert compare(named, metrics=["cka"], permutations=5, groups=groups).attrs["groups"] == 2
    with pytest.raises(ValueError, match=r"1 of 20 samples have no .*: s7"):
        compare(named, metrics=["cka"], permutations=5, groups={i: g for i, g in groups.items() if i != "s7"})
    with pytest.raises(ValueError, match="pass a mapping"):
        compare(named, metrics=["cka"], permutations=5, groups=list(groups.values()))


def test_calibration_by_hand() -> None:
    null = np.arange(19) / 100
    found = calibrate(0.5, null)
    assert found.p == 0.05
    assert found.threshold == 0.18  # the 19th of 20
    assert found.score == pytest.approx((0.5 - 0.18) / (1 - 0.18))
    reversed_sign = calibrate(1 - 0.5, 1 - null, best=0.0, higher_is_better=False)
    assert reversed_sign.p == found.p
    assert reversed_sign.threshold == pytest.approx(1 - 0.18)
    assert reversed_sign.score == pytest.approx(float(found.score))
    assert calibrate(0.1, null).score == 0
    assert np.isnan(calibrate(np.nan, null).p)
    with pytest.raises(ValueError, match="alpha=1"):
        calibrate(0.5, null, alpha=1)
    with pytest.raises(ValueError, match="at least one permutation"):
        calibrate(0.5, [])


def test_a_permutation_without_a_score_counts_as_aligned() -> None:
    """By hand: 19 permutations of which one is not defined, and then two."""
    null = np.arange(19) / 100
    null[3] = np.nan
    found = calibrate(0.5, null)
    assert found.p == pytest.approx(2 / 20)
    assert found.threshold == 0.5  # the 19th of 20, as the undefined one is the largest
    assert found.score == 0
    assert found.mean == pytest.approx((171 - 3) / 100 / 18)
    mirrored = calibrate(-0.5, -null, best=-1.0, higher_is_better=False)
    assert (mirrored.p, mirrored.threshold, mirrored.score) == (found.p, -0.5, 0)
    # At a level of 0.2 the threshold is the 16th of 20: 0.15 without the undefined one, 0.16 with it.
    loose = calibrate(0.5, null, alpha=0.2)
    assert loose.threshold == 0.16
    assert loose.score == pytest.approx(0.34 / 0.84)
    null[5] = np.nan
    found = calibrate(0.5, null)
    assert found.p == pytest.approx(3 / 20)
    assert np.isnan([found.threshold, found.score]).all()  # the 19th of 20 is undefined: no score is significant
    none = calibrate([0.5, np.nan], np.full((19, 2), np.nan))
    np.testing.assert_array_equal(none.p, [1, np.nan])
    assert np.isnan([none.mean, none.threshold, none.score]).all()
    pairs = calibrate([0.5, 0.5], np.stack([null, np.arange(19) / 100], 1))
    np.testing.assert_allclose(pairs.p, [3 / 20, 1 / 20])  # other pairs are as they were


def test_adjustment_excludes_the_diagonal() -> None:
    p = np.array([[0.01, 0.01, 0.02], [0.01, 0.01, 0.9], [0.02, 0.9, 0.01]])
    found = adjusted(p, symmetric=True)
    np.testing.assert_allclose(found[np.triu_indices(3, 1)], [0.03, 0.03, 0.9])
    np.testing.assert_array_equal(found, found.T)
    assert np.isnan(np.diag(found)).all()
    assert np.isfinite(adjusted(p, symmetric=False)).sum() == 6


@pytest.mark.parametrize("fdr", ["bh", "by"])
def test_adjustment_is_that_of_scipy(fdr: str) -> None:
    p = np.random.default_rng(0).integers(1, 41, size=(9, 9)) / 41  # with ties
    found, apart = adjusted(p, symmetric=False, fdr=fdr), ~np.eye(9, dtype=bool)
    np.testing.assert_allclose(found[apart], false_discovery_control(p[apart], method=fdr), rtol=1e-12)


@pytest.mark.parametrize("n", [5, 24, 25])
def test_shifts_form_a_group_without_the_identity(n: int) -> None:
    found = draw(n, n - 1)
    assert len(found) == n - 1
    shifts = {tuple(order) for order in found.orders} | {tuple(range(n))}
    assert len(shifts) == n
    assert all(tuple(one[other] for other in second) in shifts for one in found.orders for second in found.orders)
    assert not (found.orders == np.arange(n)).any()
    np.testing.assert_array_equal(
        np.take_along_axis(found.inverses, found.orders, 1), np.tile(np.arange(n), (n - 1, 1))
    )


def test_samples_are_permuted_within_groups() -> None:
    groups = list("aabbbcddddd")
    found = draw(11, 50, groups=groups)
    assert len(np.unique(found.orders, axis=0)) == 50
    assert all(groups[a] == groups[b] for order in found.orders for a, b in enumerate(order))
    assert not any((order == np.arange(11)).all() for order in found.orders)
    assert (found.orders != draw(11, 50, groups=groups, seed=1).orders).any()
    np.testing.assert_array_equal(found.orders, draw(11, 50, groups=groups).orders)
    with pytest.raises(ValueError, match="in a separate group"):
        draw(3, 5, groups=[1, 2, 3])
    with pytest.raises(ValueError, match="at least 1"):
        draw(3, 0)


def test_a_constant_representation_has_no_p_value() -> None:
    models = panel(20) | {"dead": np.ones((20, 3))}
    found = compare(models, metrics=["cka", "mutual_knn", "information_imbalance", "rsa"], k=3, permutations=9)
    for name in ("cka", "mutual_knn", "information_imbalance", "rsa"):
        assert np.isnan(found[f"{name}_p"].sel(model="dead")).all()
        assert np.isnan(found[f"{name}_q"].sel(model="dead")).all()
        assert np.isfinite(found[f"{name}_q"].sel(model="a", other="b"))


@pytest.mark.parametrize("options", [{"permutations": -1}, {"groups": [0] * 20}, {"permutations": 5, "alpha": 0.0}])
def test_invalid_options_raise(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"permutations|alpha"):
        compare(panel(20), metrics=["cka"], **options)


@pytest.mark.parametrize(("name", "score"), [("mutual_knn", mutual_knn), ("cycle_knn", cycle_knn), ("cknna", cknna)])
def test_the_model_with_more_repeated_rows_is_permuted(name: str, score: Callable[..., Any]) -> None:
    """Also where its name sorts first, and where no row has a tie at its k-th neighbour."""
    rng = np.random.default_rng(2)
    b = rng.normal(size=(40, 5)).astype("f4")
    a = (b + rng.normal(size=b.shape)).astype("f4")
    a[1] = a[0]
    found = compare({"a": a, "b": b}, metrics=[name], k=4, permutations=7, keep_resamples=True)
    if f"{name}_ties" in found:
        assert not found[f"{name}_ties"].any()
    null = found[f"{name}_null_samples"].values
    for number, order in enumerate(draw(40, 7).orders):
        np.testing.assert_allclose(null[number, 0, 1], score(a[order], b, k=4), rtol=1e-5)
        np.testing.assert_allclose(null[number, 1, 0], score(b, a[order], k=4), rtol=1e-5)
    assert found.permutation_order.values.tolist() == [1, 0]
