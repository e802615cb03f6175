"""Tables of the report: models with their facts, and pairs with their scores."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..comparison import (
    CONTROL,
    NOT_SIGNIFICANT,
    TRAINED,
    UNRESOLVED,
    PairScores,
    errors,
    estimate,
    marked_names,
    modalities,
    model_names,
    number,
    per_model,
    single_metrics,
    text,
)
from ..console import count
from ..figures import dimensions, modality_scale

if TYPE_CHECKING:
    import xarray as xr

# Columns of numbers, then what is folded into a row below: key and heading.
NUMBERS = {"parameters": "parameters", "dim": "width", "effective_rank": "effective rank"}
PROSE = {
    "layer": "layer",
    "pooling": "pooling",
    "architecture": "architecture",
    "trained_on": "trained on",
    "training_data": "training data",
    "licence": "licence",
    "input_dtype": "precision of the input",
}
# A column of an embedding that has this share of its variance is remarkable.
_DOMINANT = 0.5


@dataclass(frozen=True)
class ModelRow:
    """One row of the table of models: numbers, diagnostics as (mark, meaning), and prose as (name, text)."""

    name: str
    shown: str
    modality: str
    family: str
    numbers: list[str]
    marks: list[tuple[str, str]]
    prose: list[tuple[str, str]]


def swatches(comparison: xr.Dataset) -> dict[str, str]:
    """Return the colour of each modality in the Comparison."""
    domain, colours = modality_scale(modalities(comparison))
    return dict(zip(domain, colours, strict=True))


def model_table(comparison: xr.Dataset, order: list[str]) -> tuple[list[str], list[ModelRow]]:
    """Return the headings of the columns of numbers that have a value, and the models in `order`."""
    names, singles = model_names(comparison), [*dimensions(comparison)]
    if "energy_mae" in single_metrics(comparison):
        singles.append("energy_mae")
    columns: dict[str, list[str]] = {}
    for key, heading in NUMBERS.items():
        columns[heading] = [_number(key, value) for value in per_model(comparison, key)]
    for metric in singles:
        digits = 3 if metric == "energy_mae" else 1
        values, spread = comparison[metric].values, errors(comparison, metric)
        columns[_heading(comparison, metric)] = [
            estimate(float(value), error, digits) for value, error in zip(values, spread, strict=True)
        ]
    columns = {heading: cells for heading, cells in columns.items() if any(cell != "–" for cell in cells)}
    prose = {key: per_model(comparison, key) for key in PROSE}
    marks = _diagnostics(comparison)
    kinds, families = modalities(comparison), per_model(comparison, "family")
    shown = dict(zip(names, marked_names(comparison), strict=True))
    rows = []
    for name in order:
        i = names.index(name)
        facts = [(title, str(prose[key][i])) for key, title in PROSE.items() if prose[key][i] not in (None, "")]
        numbers = [cells[i] for cells in columns.values()]
        rows.append(ModelRow(name, shown[name], kinds[i], str(families[i] or ""), numbers, marks[i], facts))
    return list(columns), rows


def _heading(comparison: xr.Dataset, metric: str) -> str:
    if metric == "energy_mae":
        return f"energy error / {text(comparison[metric].attrs, 'units') or 'eV'}"
    return f"dimension ({short(comparison, metric)})"


def _number(key: str, value: Any) -> str:
    if value is None or value < 0 or (key == "parameters" and value == 0):
        return "–"
    if key == "parameters":
        return count(int(value))
    return f"{value:.1f}" if key == "effective_rank" else f"{value:.0f}"


def _diagnostics(comparison: xr.Dataset) -> list[list[tuple[str, str]]]:
    """Return what is remarkable about each embedding, as a short mark and its meaning."""
    keys = ("trained_on_samples", "top_column_share", "norm_outliers", "dead_columns", "duplicates", "n_model")
    facts = {key: per_model(comparison, key) for key in keys}
    most = max((value for value in facts["n_model"] if value is not None), default=0)
    rows = []
    for trained, share, far, dead, twice, n in zip(*facts.values(), strict=True):
        marks = []
        if trained:
            marks.append((TRAINED, "trained on data that contain these samples"))
        if share is not None and share >= _DOMINANT:
            marks.append((f"1 column: {100 * share:.0f} %", "one column has this share of the variance"))
        if far is not None and far > 0:
            marks.append((f"{far:.0f} far out", "rows more than 4 times as far from the mean as a typical row"))
        if dead is not None and dead > 0:
            marks.append((f"{dead:.0f} constant", "columns that are the same for all samples"))
        if twice is not None and twice > 0:
            marks.append((f"{twice:.0f} duplicates", "samples whose rows equal that of another sample"))
        if n is not None and 0 < n < most:
            marks.append((f"{n:.0f} samples", f"fewer samples than the {most:.0f} of other models"))
        rows.append(marks)
    return rows


def note_meanings(models: Sequence[ModelRow]) -> list[tuple[str, str]]:
    """Return each kind of note in the table of models once, such as "constant" of "3 constant", with its meaning."""
    marks = [mark for model in models for mark in model.marks]
    return list({mark.lstrip("0123456789 ").partition(":")[0]: meaning for mark, meaning in marks}.items())


def pair_rows(comparison: xr.Dataset, by_name: Mapping[str, PairScores], order: list[str]) -> list[dict[str, Any]]:
    """Return all pairs with their scores, the most aligned first; models as positions in `order`."""
    names, kinds = model_names(comparison), modalities(comparison)
    place = {name: i for i, name in enumerate(order)}
    shown = marked_names(comparison)
    tables = [_PairCells(score) for score in by_name.values()]
    rows: list[dict[str, Any]] = []
    for i in range(len(names)):
        for j in range(i + 1, len(names)):
            modality = kinds[i] if kinds[i] == kinds[j] else f"{kinds[i]} – {kinds[j]}"
            row: dict[str, Any] = {"model": shown[i], "other": shown[j], "modalities": modality}
            row |= {"at": f"{place[names[i]]} {place[names[j]]}", "control": CONTROL in (kinds[i], kinds[j])}
            rows.append(row | {"cells": [table.cell(i, j) for table in tables]})
    if tables:
        sign = -1 if tables[0].score.higher_is_better else 1
        rows.sort(key=lambda row: (row["cells"][0]["sort"] == "", sign * (row["cells"][0]["sort"] or 0)))
    return rows


class _PairCells:
    """The cells of one metric; whatever needs the whole matrix is computed once."""

    def __init__(self, score: PairScores) -> None:
        self.score, self.marks, self.fixed = score, marks(score), one_chance(score)
        strength = (score.strength + score.strength.T) / 2
        self.bar = np.clip(np.nan_to_num(strength), 0, 1)

    def cell(self, i: int, j: int) -> dict[str, Any]:
        score = self.score
        pairs = [(i, j), (j, i)] if score.directed else [(i, j)]
        values = [float(score.values[pair]) for pair in pairs]
        chances = dict.fromkeys(number(score.chance[pair], 2) for pair in pairs if np.isfinite(score.chance[pair]))
        ends = [
            f"{number(score.low[pair], 2)}–{number(score.high[pair], 2)}"
            for pair in pairs
            if np.isfinite(score.low[pair])
        ]
        return {
            "shown": " / ".join(dict.fromkeys(self._marked(pair) for pair in pairs)),
            "sort": round(float(np.mean(values)), 6) if np.isfinite(values).all() else "",
            "chance": "" if self.fixed else " / ".join(chances),
            "interval": " / ".join(dict.fromkeys(ends)),
            "bar": f"{100 * self.bar[i, j]:.0f}",
        }

    def _marked(self, pair: tuple[int, int]) -> str:
        value = float(self.score.values[pair])
        return f"{number(value, 2) if np.isfinite(value) else '–'} {self.marks[pair[0]][pair[1]]}".rstrip()


def marks(score: PairScores) -> list[list[str]]:
    """Return `PairScores.mark` of every pair, [m, m]."""
    return [
        [UNRESOLVED if undecided else NOT_SIGNIFICANT if weak else "" for undecided, weak in zip(*row, strict=True)]
        for row in zip(score.unresolved.tolist(), score.not_significant.tolist(), strict=True)
    ]


def strongest_pairs(comparison: xr.Dataset, score: PairScores, order: list[str], most: int = 8) -> list[dict[str, Any]]:
    """Return the strongest pairs of models and the strongest with a control, for screens too small for a heat map."""
    names, kinds, strength = marked_names(comparison), modalities(comparison), score.strength
    place = {name: i for i, name in enumerate(order)}
    plain, mark_of = model_names(comparison), marks(score)
    pairs = sorted((p for p in score.pairs() if np.isfinite(strength[p])), key=lambda p: -strength[p])
    control = [CONTROL in (kinds[i], kinds[j]) for i, j in pairs]
    kept = [p for p, is_control in zip(pairs, control, strict=True) if not is_control][:most]
    kept += [p for p, is_control in zip(pairs, control, strict=True) if is_control][:2]
    return [
        {
            "pair": f"{names[i]} {'→' if score.directed else '–'} {names[j]}",
            "value": f"{number(score.values[i, j], 2)} {mark_of[i][j]}".rstrip(),
            "bar": f"{100 * min(max(float(strength[i, j]), 0), 1):.0f}",
            "control": CONTROL in (kinds[i], kinds[j]),
            "at": f"{place[plain[i]]} {place[plain[j]]}",
        }
        for i, j in sorted(kept, key=lambda p: -strength[p])
    ]


def count_significant(score: PairScores, pairs: list[tuple[int, int]]) -> str:
    """Return how many pairs are significantly above chance, such as "3 of 10 pairs, 2 undefined".

    The text is empty without permutations.

    A pair is significant where its q-value is at most `PairScores.alpha`.
    """
    tested = [pair for pair in pairs if np.isfinite(score.q[pair]) and np.isfinite(score.values[pair])]
    if not tested:
        return ""
    weak = score.not_significant
    count = sum(not weak[pair] for pair in tested)
    undefined = sum(not np.isfinite(score.values[pair]) for pair in pairs)
    noun = f"{'directed ' * score.directed}pair{'s' * (len(tested) != 1)}"
    return f"{count} of {len(tested)} {noun}" + (f", {undefined} undefined" if undefined else "")


def one_chance(score: PairScores) -> str:
    """Return the chance level where it is the same for all pairs, else an empty string."""
    defined = ~np.eye(len(score.chance), dtype=bool) & np.isfinite(score.values)
    shown = {number(chance, 2) if np.isfinite(chance) else "" for chance in score.chance[defined]}
    return shown.pop() if len(shown) == 1 else ""


def short(comparison: xr.Dataset, metric: str) -> str:
    """Return the name of the estimator of a dimension metric: the part of its long name in brackets."""
    label = text(comparison[metric].attrs, "long_name") or metric.replace("_", " ")
    return label.partition("(")[2].rpartition(")")[0] or label


def read_json(content: Any) -> dict[str, Any]:
    """Return a JSON attribute as a dictionary, empty where it is not one."""
    try:
        read = json.loads(content) if isinstance(content, str) else content
    except json.JSONDecodeError:
        return {"": content}
    return read if isinstance(read, dict) else {}
