"""How often a quadrant is right that the benchmark reports, by simulation of panels like the one at hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# Simulated panels, and draws of each diagnosis.
PANELS, DRAWS = 400, 300


class QuadrantCalibration(NamedTuple):
    """How often reported quadrants are right.

    Args:
        stated: mean of the probabilities with which quadrants are reported, each at least 80 %.
        observed: share of them that are right; NaN if none is reported.
        se: standard error of that share over the simulated panels.
        reported: share of the simulated models whose quadrant is reported.
        panels: number of simulated panels.
    """

    stated: float
    observed: float
    se: float
    reported: float
    panels: int


def calibrate_quadrants(
    values: np.ndarray,
    errors: np.ndarray,
    families: Sequence[str],
    own_errors: Sequence[float],
    *,
    panels: int = PANELS,
    draws: int = DRAWS,
    seed: int = 0,
) -> QuadrantCalibration:
    """Simulate panels like this one with a known truth, and count how often a reported quadrant is right.

    Performance and alignment are normal with the covariance of the families' means, after subtracting that of the
    measurement errors, plus a deviation within families with the pooled covariance within the families of this panel.
    The model is another draw from the same population, and the truth its position relative to the population's medians.
    All simulated numbers get errors of the standard errors of this panel.

    Args:
        values: [m, 2], performance and alignment of the models of the panel.
        errors: [m, 2], their standard errors.
        families: [m].
        own_errors: [2], standard errors of the model.
        panels: number of simulated panels.
        draws: of each diagnosis.
        seed: of the simulation.
    """
    from hyle.engine.analysis import quadrant

    errors = np.nan_to_num(errors)
    own = np.nan_to_num(np.asarray(own_errors, np.float64))
    between, within = _covariances(np.asarray(values, np.float64), errors, families)
    roots = [_root(covariance) for covariance in (between, within)]
    generator = np.random.default_rng(seed)
    code = {name: number for number, name in enumerate(dict.fromkeys(families))}
    codes = np.array([code[name] for name in families])
    reported, right = [], 0
    for _ in range(panels):
        true = (
            generator.normal(size=(len(code), 2))[codes] @ roots[0] + generator.normal(size=(len(codes), 2)) @ roots[1]
        )
        model = generator.normal(size=2) @ roots[0] + generator.normal(size=2) @ roots[1]
        diagnosis = quadrant(
            tuple(model + own * generator.normal(size=2)),
            true + errors * generator.normal(size=true.shape),
            own_se=tuple(own),
            panel_se=errors,
            families=families,
            draws=draws,
        )
        if diagnosis.name is not None:
            reported.append(diagnosis.probability[diagnosis.name])
            right += diagnosis.name == _name(model)
    count = len(reported)
    share = right / count if count else float("nan")
    se = (share * (1 - share) / count) ** 0.5 if count else float("nan")
    stated = float(np.mean(reported)) if count else float("nan")
    return QuadrantCalibration(stated, share, float(se), count / panels, panels)


def _name(model: np.ndarray) -> str:
    names = {
        (True, True): "foundational",
        (True, False): "local optimum",
        (False, True): "missing information",
        (False, False): "sub-optimal",
    }
    return names[bool(model[0] > 0), bool(model[1] > 0)]


def _covariances(values: np.ndarray, errors: np.ndarray, families: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the covariances [2, 2] between and within families, without that of the measurement errors."""
    names = list(dict.fromkeys(families))
    rows = [[i for i, name in enumerate(families) if name == one] for one in names]
    means = np.array([values[one].mean(0) for one in rows])
    deviations = np.concatenate(
        [values[one] - values[one].mean(0) for one in rows if len(one) > 1] or [np.zeros((0, 2))]
    )
    freedom = len(deviations) - sum(len(one) > 1 for one in rows)
    noise = np.diag((errors**2).mean(0))
    within = deviations.T @ deviations / freedom - noise if freedom > 0 else np.zeros((2, 2))
    between = np.cov(means.T) - (noise + np.maximum(within, 0) * np.eye(2)) * np.mean([1 / len(one) for one in rows])
    return between, within


def _root(covariance: np.ndarray) -> np.ndarray:
    """Return a square root of the nearest positive semidefinite matrix."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(np.sqrt(np.maximum(values, 0))[:, None] * vectors.T)
