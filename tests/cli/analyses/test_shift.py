"""The intervals of the degree of shift, and both sets at one number of groups of samples."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, rankdata

from hyle.cli.analyses import ANALYSES, AnalysisInput
from hyle.cli.analyses.shift import auc_interval

from ..synthetic import build


def area(first: np.ndarray, second: np.ndarray) -> float:
    m = len(second)
    return float((rankdata(np.r_[first, second])[len(first) :].sum() - m * (m + 1) / 2) / (len(first) * m))


@pytest.mark.parametrize("auc", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_the_ends_are_as_far_away_as_their_own_errors_say(auc: float) -> None:
    n, m = 12, 30
    ends = auc_interval(auc, n, m)
    assert 0 <= ends[0] <= auc <= ends[1] <= 1
    assert ends[1] - ends[0] > 0.05
    for end in ends:
        if 0 < end < 1:
            # Hanley and McNeil's variance for n = m = (n + m) / 2 in the terms of the two other probabilities
            q1, q2 = end / (2 - end), 2 * end**2 / (1 + end)
            average = (n + m) / 2 - 1
            variance = (end * (1 - end) + average * (q1 - end**2 + q2 - end**2)) / (n * m)
            assert abs(end - auc) == pytest.approx(1.96 * variance**0.5, abs=1e-6)


def test_a_few_separated_samples_prove_nothing() -> None:
    low, high = auc_interval(1.0, 3, 3)
    assert high == 1
    assert low < 0.51


@pytest.mark.parametrize(("apart", "n", "m"), [(0.0, 40, 40), (1.0, 30, 60), (2.5, 40, 20)])
def test_intervals_cover(apart: float, n: int, m: int) -> None:
    rng, truth, covered = np.random.default_rng(0), float(norm.cdf(apart / 2**0.5)), 0
    for _ in range(400):
        low, high = auc_interval(area(rng.normal(size=n), rng.normal(apart, size=m)), n, m)
        covered += low <= truth <= high
    assert covered >= 0.925 * 400


def question(states: int) -> AnalysisInput:
    """Return two models on two halves of 60 materials, of which every sample is one of several states."""
    rng = np.random.default_rng(2)
    materials = np.repeat(rng.normal(size=(60, 4)), states, axis=0)
    labels = [f"material {i // states}" for i in range(len(materials))]
    maps = {name: rng.normal(size=(4, 10)) for name in ("chgnet-0.3.0", "aimnet2")}
    rows = {name: materials @ view + 0.05 * rng.normal(size=(len(materials), 10)) for name, view in maps.items()}
    half = 30 * states
    first, second = ({name: x[part] for name, x in rows.items()} for part in (slice(half), slice(half, None)))
    groups = {"groups": labels[:half], "outside_groups": labels[half:]}
    comparison = build(list(maps))
    return AnalysisInput(
        comparison, "mutual_knn", embeddings=first, outside=second, against=build(list(maps)), **groups
    )


def test_states_of_one_material_are_not_independent_samples() -> None:
    found = ANALYSES["shift"].compute(question(5))
    assert found.n == (30, 30)
    assert all(low < 0.5 < high for low, high in found.ends.values())
    (line,) = ANALYSES["shift"].summarise(found)
    assert "0 of 2 models" in line
    assert "n = 30 and 30 groups of samples" in line
    change = ANALYSES["regimes"].compute(question(5)).contrast
    assert change.groups == (30, 30)
    assert change.low < 0 < change.high


def test_a_changed_sample_is_known_by_its_id_where_one_set_has_no_groups() -> None:
    question = AnalysisInput(
        None,  # type: ignore[arg-type]  # no scores are needed
        "cknna",
        ids=["a", "b", "c"],
        outside_ids=["c", "a", "z"],
        groups=["Fe", "Fe", "NaCl"],
    )
    assert question.states == (["Fe", "Fe", "NaCl"], ["NaCl", "Fe", "z"])
    question = AnalysisInput(None, "cknna", ids=["a"], outside_ids=["a"])  # type: ignore[arg-type]
    assert question.states == (["a"], ["a"])
    question = AnalysisInput(None, "cknna", ids=["a"], outside_ids=["b"], groups=["Fe"])  # type: ignore[arg-type]
    assert question.states == (["Fe"], None)
