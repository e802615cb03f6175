"""Whether disagreement predicts errors: coverage and answers on planted errors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from hyle.engine.analysis import disagreement_error, prediction_spread


def planted(
    seed: int, strength: float, n: int = 200, groups: int | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) if groups is None else rng.integers(0, groups, n)
    hard = rng.normal(size=n) if groups is None else rng.normal(size=groups)[labels]
    noise = rng.normal(size=n) if groups is None else rng.normal(size=groups)[labels]
    errors = np.exp(strength * hard) * rng.normal(size=(3, n))
    return hard + 0.5 * noise, errors, labels


def test_planted_errors_are_predicted_and_others_are_not() -> None:
    disagreement, errors, _ = planted(0, 1.0)
    found = disagreement_error(disagreement, errors, others={"noise": np.random.default_rng(9).normal(size=200)})
    first = found.predictions["disagreement"]
    assert (found.verdict, found.n, found.units, found.partial) == ("yes", 200, 200, False)
    assert first.rho[1] == pytest.approx(spearmanr(disagreement, np.abs(errors[1])).statistic)
    assert first.mean == pytest.approx(first.rho.mean())
    assert first.mean_low < first.mean < first.mean_high
    value, low, _ = found.gain["noise"]
    assert value == pytest.approx(first.mean - found.predictions["noise"].mean)
    assert low > 0


def test_no_relation_is_no_for_many_samples_and_inconclusive_for_few() -> None:
    verdicts = [disagreement_error(*planted(seed, 0.0, 1500)[:2]).verdict for seed in range(10)]
    assert verdicts.count("no") >= 9
    few = [disagreement_error(*planted(seed, 0.0, 30)[:2]).verdict for seed in range(10)]
    assert few.count("inconclusive") >= 8
    assert "yes" not in verdicts


def test_intervals_cover_the_truth_with_and_without_groups() -> None:
    for groups in (None, 25):
        draws = [planted(1000 + seed, 0.7, 100, groups) for seed in range(200)]
        truth = np.mean([spearmanr(x, np.abs(error)).statistic for x, errors, _ in draws for error in errors])
        covered = []
        for seed in range(60):
            disagreement, errors, labels = planted(seed, 0.7, 100, groups)
            found = disagreement_error(disagreement, errors, groups=labels.astype(str))
            one = found.predictions["disagreement"]
            covered.append(one.mean_low <= truth <= one.mean_high)
        assert np.mean(covered) >= 0.86


def test_covariates_are_held_fixed() -> None:
    rng = np.random.default_rng(1)
    size = rng.integers(5, 40, 500).astype(float)
    disagreement, errors = size + rng.normal(size=500), size * rng.normal(size=(2, 500))
    assert disagreement_error(disagreement, errors).verdict == "yes"
    fixed = disagreement_error(disagreement, errors, covariates=size[:, None])
    assert fixed.partial
    assert abs(fixed.predictions["disagreement"].mean) < 0.1


def test_missing_values_families_and_few_groups() -> None:
    disagreement, errors, _ = planted(3, 1.0)
    errors[0, :20] = np.nan
    own = np.stack([disagreement, np.full(200, np.nan), disagreement])
    found = disagreement_error(
        disagreement, errors, others={"own": own, "flat": np.ones(200)}, families=["a", "a", "b"]
    )
    assert found.n == 180
    assert np.isnan(found.predictions["own"].rho).tolist() == [False, True, False]
    assert np.isnan(found.predictions["flat"].mean)
    rho = found.predictions["disagreement"].rho
    assert found.predictions["disagreement"].mean == pytest.approx((rho[:2].mean() + rho[2]) / 2)
    few = disagreement_error(disagreement, errors, groups=(np.arange(200) % 5).astype(str))
    assert (few.units, few.verdict) == (5, "inconclusive")
    assert np.isnan(few.predictions["disagreement"].mean_low)


def test_spread_of_predictions() -> None:
    errors = np.array([[1.0, -1.0, 3.0, 0.0], [11.0, 9.0, 9.0, 10.0]])
    assert prediction_spread(errors).tolist() == pytest.approx([0.5, 0.5, 1.5, 0.5])
    with pytest.raises(ValueError, match="absolute errors"):
        prediction_spread(np.abs(errors))
    with pytest.raises(ValueError, match="two or more models"):
        prediction_spread(errors[:1])


def test_what_cannot_be_measured_is_named() -> None:
    with pytest.raises(ValueError, match="5 samples have the errors"):
        disagreement_error(np.arange(5.0), np.ones((2, 5)))
    with pytest.raises(ValueError, match="noise must have shape"):
        disagreement_error(np.arange(30.0), np.ones((2, 30)), others={"noise": np.ones(4)})
