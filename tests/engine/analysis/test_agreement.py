"""Chance-adjusted agreement of classifiers."""

from __future__ import annotations

import numpy as np
import pytest

from hyle.engine.analysis import agreement


def test_the_values_of_the_authors_own_package() -> None:
    # By lm-sim 0.1.1 of PyPI on the same numbers: CAPA(prob=True) and CAPA(prob=False).
    first = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.5, 0.25, 0.25]])
    second = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8], [0.2, 0.2, 0.6]])
    truth = np.array([0, 1, 1, 0])
    assert agreement([first, second], truth).capa[0, 1] == pytest.approx(0.09933774834437092, abs=1e-9)
    hard = agreement([first.argmax(1), second.argmax(1)], truth, classes=3)
    assert hard.capa[0, 1] == pytest.approx(0.5555555555555556, abs=1e-9)


def test_planted_agreement_is_found_and_independent_models_have_none() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 4000)

    def errs() -> np.ndarray:
        wrong = rng.random(4000) < 0.3
        return np.where(wrong, (truth + rng.integers(1, 4, 4000)) % 4, truth)

    a, b = errs(), errs()
    copied = np.where(rng.random(4000) < 0.5, a, errs())
    found = agreement([a, b, copied], truth)
    assert abs(found.capa[0, 1]) < 0.05
    assert 0.4 < found.capa[0, 2] < 0.6
    assert np.diag(found.capa) == pytest.approx([1, 1, 1])
    assert found.accuracy == pytest.approx([0.7] * 3, abs=0.03)


def test_what_is_no_prediction_is_told() -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        agreement(np.ones((2, 3, 2)), [0, 1, 0])
    with pytest.raises(ValueError, match="classes must be 0 to 1"):
        agreement([[0, 2, 1], [0, 1, 1]], [0, 1, 1], classes=2)
    with pytest.raises(ValueError, match="are needed"):
        agreement([[0, 1], [1, 0]], [0, 1, 1])
