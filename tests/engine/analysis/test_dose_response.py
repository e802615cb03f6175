"""Agreement against the distance from reference samples: planted loss of agreement, none, and controls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hyle.engine.analysis import DoseResponse, degree_of_shift, dose_response

FAMILIES = 7


def panel(slope: float, *, q: int = 160, seed: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return seven models whose private noise on shifted samples grows with their distance, and a control."""
    rng = np.random.default_rng(seed)
    near = rng.normal(size=(80, 4))
    away = rng.uniform(0, 6, size=q)
    far = rng.normal(size=(q, 4)) + away[:, None] * np.array([1, 0, 0, 0])
    reference, shifted = {}, {}
    for i in range(FAMILIES):
        view = np.linalg.qr(rng.normal(size=(10, 4)))[0].T
        reference[f"m{i}"] = near @ view + 0.2 * rng.normal(size=(80, 10))
        noise = (0.2 + slope * away)[:, None] * rng.normal(size=(q, 10))
        shifted[f"m{i}"] = far @ view + noise
    reference["control"], shifted["control"] = rng.normal(size=(80, 6)), rng.normal(size=(q, 6))
    return reference, shifted


def measured(slope: float, **options: Any) -> DoseResponse:
    return dose_response(*panel(slope), ("cknna", "cka"), controls=("control",), redraws=4, **options)


def test_agreement_that_falls_with_the_distance_is_found_and_a_control_stays_at_chance() -> None:
    found = measured(0.15)
    local = found.responses[0]
    assert (found.n, found.models, found.families) == (32, FAMILIES, FAMILIES)
    assert local.high < 0
    assert local.values[1] > local.values[-1] + 0.1
    assert np.polyfit(np.arange(4), local.values[1:], 1)[0] == pytest.approx(local.slope, abs=1e-9)
    assert np.abs(local.controls["control"]).max() < 0.06
    assert (found.bins[1:, 0] >= found.bins[:-1, 1]).all()


def test_the_dose_is_the_log_distance_in_the_mean_over_families() -> None:
    reference, shifted = panel(0.0)
    found = dose_response(reference, shifted, controls=("control",), families={"m0": "a", "m1": "a"}, redraws=2)
    logs = {name: np.log(degree_of_shift(reference[name], shifted[name]).distance) for name in reference}
    expected = np.mean([(logs["m0"] + logs["m1"]) / 2, *(logs[f"m{i}"] for i in range(2, FAMILIES))], axis=0)
    np.testing.assert_allclose(found.dose, expected, rtol=1e-5)
    assert found.families == FAMILIES - 1


def test_few_families_have_no_interval_and_few_samples_are_refused() -> None:
    reference, shifted = panel(0.0)
    few = {name: reference[name] for name in ("m0", "m1", "m2")}
    assert np.isnan(dose_response(few, shifted, redraws=2).responses[0].low)
    with pytest.raises(ValueError, match="use fewer bins"):
        dose_response(reference, {name: x[:60] for name, x in shifted.items()})
    with pytest.raises(ValueError, match="use fewer bins"):
        dose_response(reference, shifted, shifted_groups=np.arange(160) // 16)
    with pytest.raises(ValueError, match="share 1 models"):
        dose_response({"m0": reference["m0"]}, shifted)


def test_25_groups_are_enough_in_a_bin_and_in_the_reference() -> None:
    reference, shifted = panel(0.0, q=100)
    few = {name: x[:25] for name, x in reference.items()}
    # 80 % of 25 are 20.
    assert dose_response(few, shifted, redraws=2).n == 20
    with pytest.raises(ValueError, match="24 groups of samples are too few in a bin, and at least 25 are needed"):
        dose_response(few, {name: x[:96] for name, x in shifted.items()}, redraws=2)
    with pytest.raises(ValueError, match="there are 24 groups of reference samples, and at least 25 are needed"):
        dose_response({name: x[:24] for name, x in reference.items()}, shifted, redraws=2)
    with pytest.raises(ValueError, match="there are 20 groups of reference samples"):
        dose_response(reference, shifted, reference_groups=np.arange(80) // 4, redraws=2)


def test_a_given_dose_replaces_the_distance() -> None:
    reference, shifted = panel(0.15)
    rng = np.random.default_rng(1)
    order = rng.permutation(160)
    shifted = {name: x[order] for name, x in shifted.items()}
    by_distance = dose_response(reference, shifted, controls=("control",), redraws=4)
    again = dose_response(reference, shifted, controls=("control",), redraws=4, dose=by_distance.dose)
    np.testing.assert_array_equal(again.responses[0].values, by_distance.responses[0].values)
    any_order = dose_response(reference, shifted, controls=("control",), redraws=4, dose=rng.permutation(160))
    assert abs(any_order.responses[0].slope) < abs(by_distance.responses[0].slope) / 4


@pytest.mark.parametrize("zeros", [50, 80, 110])
def test_samples_of_one_dose_are_in_one_bin(zeros: int) -> None:
    reference, shifted = panel(0.0)
    dose = np.random.default_rng(2).permutation(np.repeat([0.0, 1.0], [zeros, 160 - zeros]))
    for bins in (2, 4):
        found = dose_response(reference, shifted, redraws=2, dose=dose, bins=bins)
        np.testing.assert_array_equal(found.bins, [[0, 0], [1, 1]])
        assert found.n == 4 * min(zeros, 160 - zeros) // 5
        assert len(found.responses[0].values) == 3


def test_a_dose_is_a_number_of_each_sample() -> None:
    reference, shifted = panel(0.0)
    for wrong in (np.arange(159), np.ones(160), np.r_[np.arange(159.0), np.nan]):
        with pytest.raises(ValueError, match="dose must be 160 finite numbers"):
            dose_response(reference, shifted, dose=wrong)


def test_the_interval_of_the_slope_has_the_variance_over_samples() -> None:
    """Without an effect, few of 60 intervals exclude 0; families alone, which share the samples, exclude it often."""
    missed = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        reference, shifted = panel(0.0, q=120, seed=seed)
        found = dose_response(reference, shifted, controls=("control",), redraws=8, bins=3, dose=rng.permutation(120))
        missed += not found.responses[0].low <= 0 <= found.responses[0].high
    assert missed <= 8  # P(more) < 0.5 % at 5 %
