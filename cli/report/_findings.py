"""What the report says first: sentences made from the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..comparison import (
    CONTROL,
    PairScores,
    integer,
    modalities,
    model_names,
    number,
    read_scores,
    replicate_ceiling,
    text,
)
from ._rows import told

if TYPE_CHECKING:
    import xarray as xr


def summary(comparison: xr.Dataset) -> list[str]:
    """Return plain sentences: what was measured, the largest value and what a control reaches."""
    names, kinds = model_names(comparison), modalities(comparison)
    scores = read_scores(comparison)
    controls = kinds.count(CONTROL)
    said = [_counted(len(names) - controls, "model")]
    said[0] += f" and {_counted(controls, 'control')}" if controls else ""
    n = integer(comparison.attrs.get("n"))
    if n is not None:
        samples = text(comparison.attrs, "domain") or "samples"
        dataset = text(comparison.attrs, "dataset")
        said[0] += f", {n} {samples}" + (f" of {dataset}" if dataset else "")
    said[0] += "."
    if not scores:
        return said
    score = next(iter(scores.values()))
    real = [p for p in score.pairs() if CONTROL not in (kinds[p[0]], kinds[p[1]])]
    across = [p for p in real if kinds[p[0]] != kinds[p[1]]]
    best = _strongest(score, across or real)
    if best:
        i, j = best
        where = "between modalities" if across else "between two models"
        pair = f"{names[i]} ({kinds[i]}) with {names[j]} ({kinds[j]})" if across else f"{names[i]} with {names[j]}"
        value = f"{number(score.values[i, j], 2)} in {score.label}"
        chance = f", where chance gives {number(score.level, 2)}" if np.isfinite(score.level) else ""
        strongest = "highest" if score.higher_is_better else "lowest and so closest"
        tested = f" (q = {score.q[i, j]:.2g})" if np.isfinite(score.q[i, j]) else ""
        doubt = ", not distinguishable from chance" if score.not_significant[i, j] else ""
        said.append(f"The {strongest} score {where} is {pair}: {value}{chance}{doubt}{tested}.")
    elif score.pairs():
        said.append(f"No pair has a defined {score.label}: is an embedding constant?")
    beyond = told(score, real)
    if beyond:
        said.append(f"Permutations tell {beyond} of models from chance.")
    control = _strongest(score, [p for p in score.pairs() if (kinds[p[0]] == CONTROL) != (kinds[p[1]] == CONTROL)])
    if control:
        i, j = sorted(control, key=lambda index: kinds[index] != CONTROL)
        value = number(score.values[control], 2)
        said.append(f"For scale: {names[i]}, a control that has learnt nothing, reaches {value} with {names[j]}.")
    if highest := replicate_ceiling(comparison):
        said.append(highest)
    return said


def _strongest(score: PairScores, pairs: list[tuple[int, int]]) -> tuple[int, int] | None:
    known = [pair for pair in pairs if np.isfinite(score.values[pair])]
    return max(known, key=lambda pair: score.strength[pair], default=None)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
