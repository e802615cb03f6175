"""Read a Comparison: its scores with all that belongs to them, as Python objects, as a long table, as CSV."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .numbers import _missing, integer, number, text

if TYPE_CHECKING:
    import xarray as xr

CONTROL = "control"
# Stands behind a score that is not told from chance.
NOT_SIGNIFICANT = "≈"
_NO = {"0", "false", "no"}
_FIELDS = {
    *("kind", "long_name", "meaning", "citation", "limits", "symmetric", "higher_is_better", "chance", "of"),
    *("estimator", "neighbour_metric", "k", "n"),
}


@dataclass(frozen=True)
class PairScores:
    """One pair metric of a Comparison: its matrix, its chance level and its recipe.

    Entry (i, j) of a matrix is the score from model i to model j; `directed` says that the way back may differ.
    `origin` is where the scale of the metric begins: the median chance level, or, where none is given, the value of
    what has nothing in common. `p`, `q` and `calibrated` are what permutations say of each entry, nan where none were
    made: its p-value, that adjusted for the number of pairs, and the score beyond the threshold of level `alpha`.
    `se`, `low` and `high` are one standard error and the ends of the interval, nan where none were asked for; `raw` is
    what it was before covariates were taken out, nan where none were.
    `recipe` holds what else a number must carry, in the order of a reader's questions.
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
    se: np.ndarray
    low: np.ndarray
    high: np.ndarray
    raw: np.ndarray

    @property
    def level(self) -> float:
        """The median chance level over pairs of different models; nan when none is given."""
        known = self._chances()
        return float(np.median(known)) if known.size else float("nan")

    @property
    def chance_said(self) -> str:
        """The chance level for a reader: its number, or the range over the pairs, and where it comes from."""
        known = self._chances()
        if not known.size or re.match(r"\d+(,|$)", self.chance_text):
            return self.chance_text
        ends = dict.fromkeys(number(end, 3) for end in (known.min(), known.max()))
        return " to ".join(ends) + f": {self.chance_text}"

    @property
    def strength(self) -> np.ndarray:
        """Scores mapped so that 0 is the chance level of the pair, and 1 the best value where that is the median."""
        return np.asarray(self.excess / (abs(self.best - self.origin) or 1.0))

    @property
    def excess(self) -> np.ndarray:
        """How far each score is on the better side of the chance level of its pair."""
        own = np.where(np.isfinite(self.chance), self.chance, self.origin)
        return np.asarray((self.values - own) * (1 if self.higher_is_better else -1))

    @property
    def chance_differs(self) -> bool:
        """Whether the chance level differs so much between pairs that one value cannot stand for it."""
        known = self._chances()
        return bool(known.size and np.ptp(known) > 0.1 * abs(self.best - self.origin))

    @property
    def mutual(self) -> np.ndarray:
        """The mean of both directions, [m, m] and symmetric."""
        return np.asarray((self.values + self.values.T) / 2)

    @property
    def not_significant(self) -> np.ndarray:
        """Bool [m, m], whether permutations were made and do not tell the score from chance."""
        return np.asarray(self.q > self.alpha)

    def pairs(self) -> list[tuple[int, int]]:
        """Index pairs of different models: each once, or in both directions where the metric is directed."""
        m = len(self.values)
        both = [(i, j) for i in range(m) for j in range(m) if i != j]
        return both if self.directed else [p for p in both if p[0] < p[1]]

    def _chances(self) -> np.ndarray:
        known = self.chance[~np.eye(len(self.chance), dtype=bool)]
        return np.asarray(known[np.isfinite(known)])


def read_scores(comparison: xr.Dataset) -> dict[str, PairScores]:
    """Return every pair metric, in the order of the Comparison, with CKA first when it is there."""
    found = {
        str(name): _score(comparison, str(name))
        for name, variable in comparison.data_vars.items()
        if variable.attrs.get("kind") == "pair" and set(variable.dims) == {"model", "other"}
    }
    return dict(sorted(found.items(), key=lambda item: item[0] != "cka"))


def single_metrics(comparison: xr.Dataset) -> list[str]:
    """Return the names of the metrics that each model has by itself."""
    return [
        str(name)
        for name, variable in comparison.data_vars.items()
        if variable.dims == ("model",) and (variable.attrs.get("kind") == "single" or name == "energy_mae")
    ]


def model_names(comparison: xr.Dataset) -> list[str]:
    """Return the names of the models in the order of the Comparison."""
    return [str(name) for name in comparison["model"].values]


def per_model(comparison: xr.Dataset, name: str) -> list[Any]:
    """Return one value a model of the variable `name`: None where it is missing."""
    if name not in comparison.variables:
        return [None] * comparison.sizes["model"]
    return [None if _missing(value) else value for value in comparison[name].values.tolist()]


def errors(comparison: xr.Dataset, metric: str) -> list[float]:
    """Return the standard error of each model's value of a single metric: nan where there is none.

    By leaving out parts of the samples where that was asked for, else as the estimator has it.
    """
    name = f"{metric}_se" if f"{metric}_se" in comparison.variables else f"{metric}_error"
    return [float("nan") if error is None else float(error) for error in per_model(comparison, name)]


def modalities(comparison: xr.Dataset) -> list[str]:
    """Return the modality of each model, "unknown" where the Comparison does not tell."""
    return [str(value or "unknown") for value in per_model(comparison, "modality")]


def _score(comparison: xr.Dataset, name: str) -> PairScores:
    variable = comparison[name].transpose("model", "other")
    attrs = variable.attrs
    values = variable.values.astype(float)

    def beside(*suffixes: str) -> np.ndarray:
        for suffix in suffixes:
            if f"{name}_{suffix}" in comparison:
                matrix = comparison[f"{name}_{suffix}"].broadcast_like(variable).transpose("model", "other")
                return matrix.values.astype(float)
        return np.full_like(values, np.nan)

    # Where no closed form gives the chance level, permutations do.
    chance = beside("chance", "null")
    tested = comparison[f"{name}_p"].attrs if f"{name}_p" in comparison else {}
    # netCDF has no booleans: what comes back from a file is 0, 1 or text.
    higher = str(attrs.get("higher_is_better", True)).lower() not in _NO
    even = np.allclose(values, values.T, rtol=1e-6, atol=1e-9, equal_nan=True)
    limits = sorted(float(x) for x in re.findall(r"-?\d+(?:\.\d+)?", str(attrs.get("limits", ""))))
    best = limits[-1 if higher else 0] if len(limits) == 2 else float(higher)
    level = chance[~np.eye(len(chance), dtype=bool) & np.isfinite(chance)]
    nothing = 0.0 if higher else limits[-1] if len(limits) == 2 else 1.0
    return PairScores(
        name=name,
        label=text(attrs, "long_name") or name,
        values=values,
        chance=chance,
        chance_text=_chance_text(attrs, level, permuted=f"{name}_chance" not in comparison and bool(tested)),
        directed=not even or str(attrs.get("symmetric", True)).lower() in _NO,
        higher_is_better=higher,
        best=best,
        origin=float(np.median(level)) if level.size else nothing,
        estimator=text(attrs, "estimator"),
        neighbour_metric=text(attrs, "neighbour_metric"),
        k=integer(attrs.get("k")),
        n=integer(attrs.get("n", comparison.attrs.get("n"))),
        citation=text(attrs, "citation"),
        meaning=text(attrs, "meaning"),
        recipe=_recipe(attrs) | ({"permutations": str(tested["permutations"])} if tested else {}),
        se=beside("se"),
        low=beside("low"),
        high=beside("high"),
        raw=beside("raw"),
        p=beside("p"),
        q=beside("q"),
        calibrated=beside("calibrated"),
        permutations=int(tested.get("permutations", 0)),
        alpha=float(tested.get("alpha", float("nan"))),
    )


def _chance_text(attrs: dict[Any, Any], level: np.ndarray, *, permuted: bool) -> str:
    if permuted:
        return "mean of the permutations, pair by pair"
    return text(attrs, "chance") or (f"{np.median(level):.3g}" if level.size else "not given")


def _recipe(attrs: dict[Any, Any]) -> dict[str, str]:
    """Return the attributes that a metric gave its numbers beyond those that have a field of their own."""
    return {str(key).replace("_", " "): str(value) for key, value in attrs.items() if key not in _FIELDS}


def _details(recipe: dict[str, str]) -> str:
    return "; ".join(f"{key}: {value}" for key, value in recipe.items())
