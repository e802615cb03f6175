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


@dataclass(frozen=True)
class Score:
    """One pair metric of a Comparison: its matrix, its chance level and its recipe."""

    name: str
    label: str
    values: np.ndarray
    chance: np.ndarray
    chance_text: str
    higher_is_better: bool
    best: float
    estimator: str
    neighbour_metric: str
    k: int | None
    n: int | None
    citation: str

    @property
    def symmetric(self) -> bool:
        """Whether the matrix equals its transpose."""
        return bool(np.allclose(self.values, self.values.T, rtol=1e-6, atol=1e-9, equal_nan=True))

    @property
    def level(self) -> float:
        """The median chance level over pairs of different models; nan when none is given."""
        known = self.chance[~np.eye(len(self.chance), dtype=bool)]
        known = known[np.isfinite(known)]
        return float(np.median(known)) if known.size else float("nan")

    @property
    def strength(self) -> np.ndarray:
        """Scores mapped so that 0 is the chance level and 1 the best value."""
        level = 0.0 if np.isnan(self.level) else self.level
        return np.asarray((self.values - level) / ((self.best - level) or 1.0))

    def pairs(self) -> list[tuple[int, int]]:
        """Index pairs of different models, each once when the metric is symmetric."""
        m = len(self.values)
        both = [(i, j) for i in range(m) for j in range(m) if i != j]
        return [p for p in both if p[0] < p[1]] if self.symmetric else both


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


def modalities(comparison: xr.Dataset) -> list[str]:
    """Return the modality of each model, "unknown" where the Comparison does not tell."""
    return [str(value or "unknown") for value in per_model(comparison, "modality")]


def long_table(comparison: xr.Dataset) -> pd.DataFrame:
    """Return one row for each pair of models and metric, then one for each model and single metric.

    A pair stands once when the metric is symmetric and in both directions otherwise. In the rows of
    single metrics `other` is empty. What a number needs to be repeated stands in its row.
    """
    import pandas as pd

    names = model_names(comparison)
    columns = ["model", "other", "metric", "value", "chance", "k", "n", "estimator", "neighbour_metric"]
    rows: list[tuple[Any, ...]] = []
    for score in read_scores(comparison).values():
        recipe = (score.k, score.n, score.estimator, score.neighbour_metric)
        for i, j in score.pairs():
            value, chance = float(score.values[i, j]), float(score.chance[i, j])
            rows.append((names[i], names[j], score.name, value, chance, *recipe))
    for metric in single_metrics(comparison):
        attrs = comparison[metric].attrs
        used = per_model(comparison, f"{metric}_n_used")
        n = integer(attrs.get("n", comparison.attrs.get("n")))
        k, estimator = integer(attrs.get("k")), text(attrs, "estimator")
        for name, value, n_used in zip(names, comparison[metric].values, used, strict=True):
            n_row = n if n_used is None else int(n_used)
            rows.append((name, "", metric, float(value), float("nan"), k, n_row, estimator, ""))
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


def integer(value: Any) -> int | None:
    """Return an attribute as an integer, None where it is missing."""
    return None if _missing(value) else int(value)


def _score(comparison: xr.Dataset, name: str) -> Score:
    variable = comparison[name].transpose("model", "other")
    attrs = variable.attrs
    values = variable.values.astype(float)
    chance = np.full_like(values, np.nan)
    if f"{name}_chance" in comparison:
        beside = comparison[f"{name}_chance"].broadcast_like(variable).transpose("model", "other")
        chance = beside.values.astype(float)
    # netCDF has no booleans: what comes back from a file is 0, 1 or text.
    higher = str(attrs.get("higher_is_better", True)).lower() not in {"0", "false", "no"}
    numbers = [float(x) for x in re.findall(r"-?\d+(?:\.\d+)?", str(attrs.get("limits", "")))]
    best = (max(numbers) if higher else min(numbers)) if len(numbers) == 2 else float(higher)
    level = chance[np.isfinite(chance)]
    return Score(
        name=name,
        label=text(attrs, "long_name") or name,
        values=values,
        chance=chance,
        chance_text=text(attrs, "chance") or (f"{np.median(level):.3g}" if level.size else "not given"),
        higher_is_better=higher,
        best=best,
        estimator=text(attrs, "estimator"),
        neighbour_metric=text(attrs, "neighbour_metric"),
        k=integer(attrs.get("k")),
        n=integer(attrs.get("n", comparison.attrs.get("n"))),
        citation=text(attrs, "citation"),
    )


def _missing(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and np.isnan(value))
