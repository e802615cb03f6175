"""Read the metrics of a Comparison as Python objects, with their chance levels, p-values, errors and recipes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .numbers import _missing, integer, number, text

if TYPE_CHECKING:
    import xarray as xr

CONTROL = "control"
# Printed after a score that is not significantly above chance.
NOT_SIGNIFICANT = "≈"
# Printed in its place where no score, however high, could have been significant with the permutations that were drawn.
UNRESOLVED = "?"
_FIELDS = {
    *("kind", "long_name", "meaning", "citation", "limits", "symmetric", "higher_is_better", "chance", "of"),
    *("estimator", "neighbour_metric", "k", "n", "self_score"),
}


@dataclass(frozen=True)
class PairScores:
    """One pair metric of a Comparison: its matrices [m, m], its chance level and its recipe.

    Entry (i, j) of a matrix is the score from model i to model j. The reverse direction may differ if `directed`.

    Args:
        name: of the metric, as in the Comparison.
        label: its long name.
        values: [m, m] scores.
        chance: [m, m] chance levels in closed form, or mean scores under permutation; NaN where there are none.
        chance_text: where the chance level comes from.
        directed: whether the scores from i to j and from j to i may differ.
        higher_is_better: False where a lower score means more aligned.
        best: the best value of the metric.
        origin: the start of its scale: the median chance level, or, without one, the value of two representations that
            have nothing in common.
        estimator: of the metric; empty if unknown.
        neighbour_metric: distance by which neighbours are found; empty for metrics without neighbours.
        k: number of neighbours, None for metrics without them.
        n: number of samples, None if unknown.
        citation: source of the metric.
        meaning: what the metric measures, in a sentence.
        recipe: further attributes that are needed to reproduce the scores.
        p: [m, m] p-values of the permutation test; NaN without permutations, as are the next two.
        q: [m, m] p-values adjusted for the number of pairs.
        calibrated: [m, m] scores above the threshold of level `alpha`, 0 to 1.
        permutations: number of permutations, 0 for none.
        alpha: significance level; NaN without permutations.
        fdr: how p-values are adjusted for the number of pairs, see `hyle.engine.Inference`.
        se: [m, m] standard errors; NaN where no intervals were requested, as are the next two.
        low: [m, m] lower ends of the intervals.
        high: [m, m] upper ends of the intervals.
        raw: [m, m] scores before covariates were regressed out; NaN without covariates.
        strata_null: [m, m] mean scores under permutation within strata; NaN without strata, as are the next two.
        strata_p: [m, m] p-values of that permutation test.
        beyond: [m, m] what is shared beyond the strata: 0 at `strata_null`, 1 at the best score.
    """

    name: str
    label: str
    values: np.ndarray
    chance: np.ndarray
    chance_text: str
    directed: bool
    higher_is_better: bool
    best: float
    origin: float
    estimator: str
    neighbour_metric: str
    k: int | None
    n: int | None
    citation: str
    meaning: str
    recipe: dict[str, str]
    p: np.ndarray
    q: np.ndarray
    calibrated: np.ndarray
    permutations: int
    alpha: float
    fdr: str
    se: np.ndarray
    low: np.ndarray
    high: np.ndarray
    raw: np.ndarray
    strata_null: np.ndarray
    strata_p: np.ndarray
    beyond: np.ndarray

    @property
    def level(self) -> float:
        """The median chance level over pairs of different models; NaN if there is none."""
        levels = self._chances()
        return float(np.median(levels)) if levels.size else float("nan")

    @property
    def chance_said(self) -> str:
        """The chance level as text: its value, or its range over the pairs, and where it comes from."""
        levels = self._chances()
        if not levels.size or re.match(r"exactly \d|\d+(,|$)", self.chance_text):
            return self.chance_text
        ends = dict.fromkeys(number(end, 3) for end in (levels.min(), levels.max()))
        return " to ".join(ends) + f": {self.chance_text}"

    @property
    def strength(self) -> np.ndarray:
        """Scores [m, m], 0 at the chance level of the pair; 1 is the best value of pairs at the median chance level."""
        return np.asarray(self.excess / (abs(self.best - self.origin) or 1.0))

    @property
    def excess(self) -> np.ndarray:
        """Distances [m, m] of the scores from the chance levels of their pairs, positive on the better side."""
        levels = np.where(np.isfinite(self.chance), self.chance, self.origin)
        return np.asarray((self.values - levels) * (1 if self.higher_is_better else -1))

    @property
    def chance_differs(self) -> bool:
        """Whether the chance levels of the pairs differ too much to be summarised by one value."""
        levels = self._chances()
        return bool(levels.size and np.ptp(levels) > 0.1 * abs(self.best - self.origin))

    @property
    def chance_range(self) -> float:
        """The largest difference between the chance levels of two pairs; NaN if there are none."""
        levels = self._chances()
        return float(np.ptp(levels)) if levels.size else float("nan")

    @property
    def mutual(self) -> np.ndarray:
        """The means of both directions, [m, m] and symmetric."""
        return np.asarray((self.values + self.values.T) / 2)

    @property
    def not_significant(self) -> np.ndarray:
        """Bool [m, m]: tested by permutations, and not significantly above chance (q > alpha)."""
        return np.asarray(self.q > self.alpha)

    @cached_property
    def unresolved(self) -> np.ndarray:
        """Bool [m, m]: not significant, and too few permutations were drawn for this pair to be, however aligned."""
        from hyle.engine.comparison import unresolved

        if not self.permutations:
            return np.zeros(self.values.shape, bool)
        symmetric = bool(np.array_equal(self.p, self.p.T, equal_nan=True))
        found = unresolved(self.p, self.permutations, self.alpha, symmetric=symmetric, fdr=self.fdr)
        return np.asarray(found & self.not_significant)

    def mark(self, pair: tuple[int, int]) -> str:
        """Return the sign after the score of a pair: not significant, not resolved, or empty."""
        if not self.not_significant[pair]:
            return ""
        return UNRESOLVED if self.unresolved[pair] else NOT_SIGNIFICANT

    def pairs(self) -> list[tuple[int, int]]:
        """Return the index pairs of different models: each once, or in both directions if the metric is directed."""
        m = len(self.values)
        ordered = [(i, j) for i in range(m) for j in range(m) if i != j]
        return ordered if self.directed else [(i, j) for i, j in ordered if i < j]

    def _chances(self) -> np.ndarray:
        levels = self.chance[~np.eye(len(self.chance), dtype=bool)]
        return np.asarray(levels[np.isfinite(levels)])


def read_scores(comparison: xr.Dataset) -> dict[str, PairScores]:
    """Return all pair metrics by name, in the order of the Comparison but CKA first if it is included."""
    scores = {
        str(name): _score(comparison, str(name))
        for name, variable in comparison.data_vars.items()
        if variable.attrs.get("kind") == "pair" and set(variable.dims) == {"model", "other"}
    }
    return dict(sorted(scores.items(), key=lambda item: item[0] != "cka"))


def single_metrics(comparison: xr.Dataset) -> list[str]:
    """Return the names of the metrics that have one value per model."""
    return [
        str(name)
        for name, variable in comparison.data_vars.items()
        if variable.dims == ("model",) and (variable.attrs.get("kind") == "single" or name == "energy_mae")
    ]


def model_names(comparison: xr.Dataset) -> list[str]:
    """Return the names of the models in the order of the Comparison."""
    return [str(name) for name in comparison["model"].values]


def per_model(comparison: xr.Dataset, name: str) -> list[Any]:
    """Return the values of the variable `name`, one per model; None where it is missing."""
    if name not in comparison.variables:
        return [None] * comparison.sizes["model"]
    return [None if _missing(value) else value for value in comparison[name].values.tolist()]


def errors(comparison: xr.Dataset, metric: str) -> list[float]:
    """Return the standard errors of a single metric, one per model; NaN where there is none.

    They come from the delete-a-group jackknife if it was requested, else from the estimator.
    """
    name = f"{metric}_se" if f"{metric}_se" in comparison.variables else f"{metric}_error"
    return [float("nan") if error is None else float(error) for error in per_model(comparison, name)]


def modalities(comparison: xr.Dataset) -> list[str]:
    """Return the modality of each model, "unknown" where the Comparison has none."""
    return [str(value or "unknown") for value in per_model(comparison, "modality")]


def _score(comparison: xr.Dataset, name: str) -> PairScores:
    from hyle.engine.comparison import chance_values, has_group_null, is_directed, metric_facts, pair_values

    facts, attrs = metric_facts(comparison, name), comparison[name].attrs
    matrix = partial(pair_values, comparison, name)
    grouped, chance = has_group_null(comparison, name), chance_values(comparison, name)
    tested = comparison[f"{name}_p"].attrs if f"{name}_p" in comparison else {}
    levels = chance[~np.eye(len(chance), dtype=bool) & np.isfinite(chance)]
    return PairScores(
        name=name,
        label=text(attrs, "long_name") or name,
        values=matrix(),
        chance=chance,
        chance_text=_chance_text(
            attrs, levels, permuted=grouped or (f"{name}_chance" not in comparison and bool(tested))
        ),
        directed=is_directed(comparison, name),
        higher_is_better=facts.higher_is_better,
        best=facts.best,
        origin=float(np.median(levels)) if levels.size else facts.worst,
        estimator=text(attrs, "estimator"),
        neighbour_metric=text(attrs, "neighbour_metric"),
        k=integer(attrs.get("k")),
        n=integer(attrs.get("n", comparison.attrs.get("n"))),
        citation=text(attrs, "citation"),
        meaning=text(attrs, "meaning"),
        recipe=_recipe(attrs) | ({"permutations": str(tested["permutations"])} if tested else {}),
        se=matrix("se"),
        low=matrix("low"),
        high=matrix("high"),
        raw=matrix("raw"),
        **{suffix: matrix(suffix) for suffix in ("strata_null", "strata_p", "beyond")},
        p=matrix("p"),
        q=matrix("q"),
        calibrated=matrix("calibrated"),
        permutations=int(tested.get("permutations", 0)),
        alpha=float(tested.get("alpha", float("nan"))),
        fdr=str(tested.get("fdr", "bh")),
    )


def _chance_text(attrs: dict[Any, Any], levels: np.ndarray, *, permuted: bool) -> str:
    if permuted:
        return "mean over the permutations, for each pair"
    return text(attrs, "chance") or (f"{np.median(levels):.3g}" if levels.size else "not given")


def _recipe(attrs: dict[Any, Any]) -> dict[str, str]:
    """Return the attributes of a metric that have no separate field in `PairScores`."""
    return {str(key).replace("_", " "): str(value) for key, value in attrs.items() if key not in _FIELDS}


def _details(recipe: dict[str, str]) -> str:
    return "; ".join(f"{key}: {value}" for key, value in recipe.items())
