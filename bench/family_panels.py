"""Simulated panels of models in families, and the procedures that `bench.family_null` measures on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from hyle.engine import analysis

# Models of each family.
PANELS: Mapping[str, tuple[int, ...]] = {
    "6 families of 2": (2,) * 6,
    "8 families of 1 to 8": (1, 1, 1, 1, 2, 3, 5, 8),
    "11 families of 1 to 4": (1, 1, 1, 1, 1, 1, 2, 3, 3, 3, 4),
    "20 families of 1 to 10": (*(1,) * 10, *(2,) * 4, *(3,) * 3, 5, 7, 10),
}
NOISE = ("normal", "t(3)")
# Share of the variance of a value that the family makes up.
FAMILY_SHARE = 0.75
LEVEL = 0.05
_SPREADS: dict[tuple[tuple[int, ...], str], float] = {}


# What a procedure says of one set: whether it rejects, or None where it is inconclusive.
Outcomes = tuple[bool | None, ...]


class Draw:
    """Random values of models in families, scaled to variance 1.

    Args:
        sizes: number of models of each family.
        noise: ``normal`` or ``t(3)``, for families and models.
        seed: of the set.
        known: whether the procedures know the families.
    """

    def __init__(self, sizes: tuple[int, ...], noise: str, seed: int, *, known: bool = True) -> None:
        """Assign the models to families."""
        self.rng, self.noise = np.random.default_rng(seed), noise
        self.codes = np.repeat(np.arange(len(sizes)), sizes)
        self.k, self.m = len(sizes), len(self.codes)
        self.families = [f"f{code}" if known else f"f{i}" for i, code in enumerate(self.codes)]

    def normal(self, *shape: int) -> np.ndarray:
        """Return independent values of variance 1."""
        if self.noise == "normal":
            return self.rng.normal(size=shape)
        return np.asarray(self.rng.standard_t(3, shape) / 3**0.5)

    def of_models(self) -> np.ndarray:
        """Return values [m] with an effect of the family."""
        shared = self.normal(self.k)[self.codes]
        return np.asarray(FAMILY_SHARE**0.5 * shared + (1 - FAMILY_SHARE) ** 0.5 * self.normal(self.m))

    def of_pairs(self) -> np.ndarray:
        """Return symmetric values [m, m] with effects of families, of pairs of families and of models."""
        own, both, rest = self.of_models(), self.normal(self.k, self.k), self.normal(self.m, self.m)
        both, rest = ((one + one.T) / 2**0.5 for one in (both, rest))
        within = self.codes[:, None] == self.codes
        return np.asarray((own[:, None] + own) / 2 + both[np.ix_(self.codes, self.codes)] / 2 + rest / 4 + 2 * within)

    def labels(self) -> np.ndarray:
        """Return two labels [m], "a" or "b", constant within families; at least a third of these have each."""
        of_family = np.arange(self.k) < self.rng.integers(self.k // 3, self.k - self.k // 3 + 1)
        return np.where(self.rng.permutation(of_family)[self.codes], "a", "b")

    def comparison(self, alignment: np.ndarray, **facts: Any) -> xr.Dataset:
        """Return a Comparison with this alignment."""
        values = 0.5 + 0.05 * alignment
        np.fill_diagonal(values, 1)
        names = [f"m{i}" for i in range(self.m)]
        attrs = {"kind": "pair", "higher_is_better": "yes"}
        data = xr.Dataset({"cknna": (("model", "other"), values, attrs)}, {"model": names, "other": names})
        for name, fact in ({"family": self.families} | facts).items():
            data[name] = ("model", fact)
        return data


def convergence(draw: Draw, effect: float, permutations: int) -> Outcomes:
    """Correlate error with alignment to the best; the planted error lowers the alignment of both models of a pair."""
    error = draw.of_models()
    data = draw.comparison(draw.of_pairs() - effect * (error[:, None] + error), energy_mae=error)
    return (_rejects(analysis.convergence(data, permutations=permutations).p),)


def factors(draw: Draw, effect: float, permutations: int) -> Outcomes:
    """Test a label of the families; pairs with the same label are more aligned."""
    labels = draw.labels()
    data = draw.comparison(draw.of_pairs() + effect * (labels[:, None] == labels), modality=labels)
    return (_rejects(analysis.factors(data, facts=["modality"], permutations=permutations)[0].p),)


def factors_given_others(draw: Draw, effect: float, permutations: int) -> Outcomes:
    """Test a label given another one, which has an effect in every set."""
    first, second = draw.labels(), draw.labels()
    values = draw.of_pairs() + effect * (first[:, None] == first) + (second[:, None] == second)
    data = draw.comparison(values, modality=first, architecture=second)
    found = analysis.factors(data, facts=["modality", "architecture"], permutations=permutations)
    return (_rejects(next(one for one in found if one.name == "modality").given_others),)


def association(draw: Draw, effect: float, permutations: int) -> Outcomes:
    """Correlate two similarities of the models over pairs: by p, and by the interval."""
    first = draw.of_pairs()
    second = draw.of_pairs() + effect * first
    found = analysis.association(first, second, families=draw.families, permutations=permutations)
    return (
        _rejects(found.p),
        _excludes(found, 0),
    )


def same_kind(draw: Draw, effect: float, permutations: int) -> Outcomes:
    """Correlate alignment with whether two models have the same label."""
    labels = draw.labels()
    same = (labels[:, None] == labels).astype(float)
    values = draw.of_pairs() + effect * same
    return (_rejects(analysis.association(values, same, families=draw.families, permutations=permutations).p),)


def scale_trend(draw: Draw, effect: float, permutations: int) -> Outcomes:
    """Fit a value against size; p and interval agree by construction."""
    size = draw.of_models()
    value = draw.of_models() + effect * size
    return (_rejects(analysis.scale_trend(10**size, value, families=draw.families, permutations=permutations).p),)


def spearman(draw: Draw, effect: float, permutations: int) -> Outcomes:
    """Correlate two values of the models: by p, and by the interval."""
    first = draw.of_models()
    second = draw.of_models() + effect * first
    found = analysis.correlate_models(first, second, draw.families, permutations=permutations)
    return (
        _rejects(found.p),
        _excludes(found, 0),
    )


def groups(draw: Draw, effect: float, permutations: int) -> Outcomes:
    """Compare a value between two groups of families."""
    labels = draw.labels()
    values = draw.of_models() + effect * (labels == "a")
    return (_rejects(analysis.compare_groups(values, labels, draw.families, permutations=permutations).p),)


def selection(draw: Draw, effect: float, permutations: int) -> Outcomes:
    """Evaluate a way of ranking models over five draws of the labels."""
    truth = draw.of_models()
    errors = truth + 0.3 * draw.normal(5, draw.m)
    score = draw.of_models() - effect * truth + 0.3 * draw.normal(5, draw.m)
    return (_rejects(analysis.rank_criteria({"probe": score}, errors, draw.families, permutations=permutations)[0].p),)


def over_parameters(draw: Draw, effect: float, permutations: int) -> Outcomes:
    """Report whether the interval of the gain over the parameter count excludes 0."""
    truth = draw.of_models()[None]
    score = draw.of_models() - effect * truth
    scores = {"probe": score, "parameters": draw.of_models()[None]}
    low, high = analysis.rank_criteria(scores, truth, draw.families, permutations=9)[0].over_parameters
    return (low > 0 or high < 0,)


def regimes(draw: Draw, effect: float, permutations: int) -> Outcomes:
    """Report whether the interval of the mean change of alignment excludes 0."""
    first, within = draw.of_pairs(), draw.codes[:, None] == draw.codes
    change = draw.of_pairs() - 2 * within + effect
    return (_excludes(analysis.regimes(draw.comparison(first), draw.comparison(first + change))[0], 0),)


def single_change(draw: Draw, effect: float, permutations: int) -> Outcomes:
    """Report whether the interval of the mean change of a number of the models excludes 1."""
    first = draw.comparison(draw.of_pairs(), effective_rank=np.exp(draw.of_models()))
    ranks = first["effective_rank"].values
    second = first.assign(effective_rank=("model", ranks * np.exp(draw.of_models() + effect)))
    return (_excludes(analysis.single_change(first, second, "effective_rank"), 1),)


def dimension_band(draw: Draw, effect: float, permutations: int) -> Outcomes:
    """Report whether the intervals of middle and spread exclude the planted ones, or such as are off by a factor."""
    data = draw.comparison(draw.of_pairs(), intrinsic_dimension=8 * np.exp(draw.of_models()))
    band, off = analysis.dimension_band(data), float(np.exp(effect))
    spread = _spread(tuple(np.bincount(draw.codes).tolist()), draw.noise)
    return (
        not band.middle_low <= 8 * off <= band.middle_high,
        not band.low <= spread * off <= band.high,
    )


def quadrant(draw: Draw, effect: float, permutations: int) -> Outcomes:
    """Report whether a quadrant that is reported is wrong (effect 0), or whether one is reported at all."""
    # The target is one model of another family, so that its true quadrant is known.
    own = tuple(FAMILY_SHARE**0.5 * draw.normal(2) + (1 - FAMILY_SHARE) ** 0.5 * draw.normal(2))
    panel = np.stack([draw.of_models(), draw.of_models()], 1)
    found = analysis.quadrant(own, panel, families=draw.families, draws=500)
    if effect:
        return (found.name is not None,)
    if found.name is None:
        return (None,)
    right = {(True, True): "foundational", (True, False): "local optimum", (False, True): "missing information"}
    return (found.name != right.get((own[0] > 0, own[1] > 0), "sub-optimal"),)


def _rejects(p: float) -> bool | None:
    """Return whether p is at most 5 %; None where the panel cannot give that and there is no p."""
    return None if math.isnan(p) else p <= LEVEL


def _excludes(found: Any, none: float) -> bool | None:
    return None if math.isnan(found.low) else bool(found.low > none or found.high < none)


def _spread(sizes: tuple[int, ...], noise: str) -> float:
    """Return the mean absolute deviation of the means of families of these sizes, from 200,000 of each size."""
    if (sizes, noise) not in _SPREADS:
        draw, means = Draw((1,), noise, 0), []
        for size in sizes:
            own, models = draw.normal(200_000), draw.normal(200_000, size).mean(1)
            means.append(np.abs(FAMILY_SHARE**0.5 * own + (1 - FAMILY_SHARE) ** 0.5 * models).mean())
        _SPREADS[sizes, noise] = float(np.mean(means))
    return _SPREADS[sizes, noise]


Procedure = Callable[[Draw, float, int], Outcomes]
# Each procedure with the names of its outcomes and the size of the effect that is planted for its power.
PROCEDURES: Mapping[str, tuple[Procedure, tuple[str, ...], float]] = {
    "convergence": (convergence, ("convergence",), 0.7),
    "factors": (factors, ("factors",), 1.0),
    "factors_given_others": (factors_given_others, ("factors, given others",), 1.0),
    "association": (association, ("association", "association, interval"), 1.0),
    "same_kind": (same_kind, ("association with the same kind",), 1.0),
    "scale_trend": (scale_trend, ("scale_trend",), 1.5),
    "spearman": (spearman, ("Spearman", "Spearman, interval"), 1.5),
    "groups": (groups, ("compare_groups",), 2.0),
    "selection": (selection, ("selection",), 1.5),
    "over_parameters": (over_parameters, ("selection, gain over parameters",), 1.5),
    "regimes": (regimes, ("regimes",), 0.7),
    "single_change": (single_change, ("single_change",), 1.0),
    "dimension_band": (dimension_band, ("dimension_band, middle", "dimension_band, spread"), 1.0),
    "quadrant": (quadrant, ("quadrant, wrong of those reported",), 1.0),
}
