"""Read a Comparison: its scores with all that belongs to them, as Python objects, as a long table, as CSV."""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

CONTROL = "control"
# Stands behind a score that is not told from chance.
BY_CHANCE = "≈"
_NO = {"0", "false", "no"}
_FIELDS = {
    *("kind", "long_name", "meaning", "citation", "limits", "symmetric", "higher_is_better", "chance", "of"),
    *("estimator", "neighbour_metric", "k", "n"),
}


@dataclass(frozen=True)
class Score:
    """One pair metric of a Comparison: its matrix, its chance level and its recipe.

    Entry (i, j) of a matrix is the score from model i to model j; `directed` says that the way back may differ.
    `origin` is where the scale of the metric begins: the median chance level, or, where none is given, the value of
    what has nothing in common. `p`, `q` and `calibrated` are what permutations say of each entry, nan where none were
    made: its p-value, that adjusted for the number of pairs, and the score beyond the threshold of level `alpha`.
    `se`, `low` and `high` are one standard error and the ends of the interval, nan where none were asked for.
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
    def by_chance(self) -> np.ndarray:
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


def read_scores(comparison: xr.Dataset) -> dict[str, Score]:
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


def long_table(comparison: xr.Dataset) -> pd.DataFrame:
    """Return one row for each pair of models and metric, then one for each model and single metric.

    A pair stands once, and in both directions, from model to other, where the metric is directed. In the rows of
    single metrics `other` is empty; `error` is one standard error. `p`, `q` and `calibrated` are those of permutations.
    What a number needs to be repeated stands in its row.
    """
    import pandas as pd

    names = model_names(comparison)
    columns = ["model", "other", "metric", "value", "chance", "p", "q", "calibrated", "error", "low", "high"]
    columns += ["k", "n", "estimator", "neighbour_metric", "details"]
    nan = float("nan")
    rows: list[tuple[Any, ...]] = []
    for score in read_scores(comparison).values():
        facts = (score.k, score.n, score.estimator, score.neighbour_metric, _details(score.recipe))
        for i, j in score.pairs():
            matrices = (score.values, score.chance, score.p, score.q, score.calibrated, score.se, score.low, score.high)
            rows.append((names[i], names[j], score.name, *(float(matrix[i, j]) for matrix in matrices), *facts))
    for metric in single_metrics(comparison):
        attrs = comparison[metric].attrs
        used = per_model(comparison, f"{metric}_n_used")
        n = integer(attrs.get("n", comparison.attrs.get("n")))
        k, estimator, space = integer(attrs.get("k")), text(attrs, "estimator"), text(attrs, "neighbour_metric")
        details = _details(_recipe(attrs))
        ends = [
            [nan if end is None else end for end in per_model(comparison, f"{metric}_{s}")] for s in ("low", "high")
        ]
        columns_of = (names, comparison[metric].values, errors(comparison, metric), *ends, used)
        for name, value, error, low, high, n_used in zip(*columns_of, strict=True):
            n_row = n if n_used is None else int(n_used)
            rows.append(
                (name, "", metric, float(value), *[nan] * 4, error, low, high, k, n_row, estimator, space, details)
            )
    table = pd.DataFrame(rows, columns=columns).astype({"k": "Int64", "n": "Int64"})
    provenance = ("dataset", "dataset_version", "sample_hash", "dtype", "hyle_version")
    return table.assign(**{key: text(comparison.attrs, key) for key in provenance})


def write_csv(comparison: xr.Dataset, path: str | os.PathLike[str]) -> Path:
    """Write the long table as CSV, whole or not at all."""
    return write_atomically(path, long_table(comparison).to_csv(index=False).encode())


def write_atomically(path: str | os.PathLike[str], content: bytes) -> Path:
    """Write `content` under a temporary name beside `path`, then rename: no reader meets half a file."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        # mkstemp gives 0600; a report is made to be shared like any other file.
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def text(attrs: dict[Any, Any], key: str) -> str:
    """Return an attribute as text, empty where it is missing."""
    value = attrs.get(key)
    return "" if value is None else str(value)


def number(value: float, digits: int) -> str:
    """Return a number with a true minus sign, and no minus before zero."""
    shown = f"{value:.{digits}f}"
    return shown.lstrip("-") if float(shown) == 0 else shown.replace("-", "−")


def estimate(value: float, error: float, digits: int = 2) -> str:
    """Return a number with its standard error, where it has one: 5.12 ± 0.20."""
    if np.isnan(value):
        return "–"
    return number(value, digits) + (f" ± {number(error, digits)}" if np.isfinite(error) else "")


def integer(value: Any) -> int | None:
    """Return an attribute as an integer, None where it is missing."""
    return None if _missing(value) else int(value)


def _score(comparison: xr.Dataset, name: str) -> Score:
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
    return Score(
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


def _missing(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and np.isnan(value))
