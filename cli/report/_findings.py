"""Summary at the top of the report, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
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
from ._rows import count_significant

if TYPE_CHECKING:
    import xarray as xr


def summary(comparison: xr.Dataset, scores: Mapping[str, PairScores] | None = None) -> list[str]:
    """Return sentences on what was measured, the strongest pair, significance, and the controls."""
    names, kinds = model_names(comparison), modalities(comparison)
    scores = read_scores(comparison) if scores is None else scores
    controls = kinds.count(CONTROL)
    panel = _counted(len(names) - controls, "model")
    panel += f" and {_counted(controls, 'control')}" if controls else ""
    n = integer(comparison.attrs.get("n"))
    if n is not None:
        samples = text(comparison.attrs, "domain") or "samples"
        dataset = text(comparison.attrs, "dataset")
        panel += f", {n} {samples}" + (f" of {dataset}" if dataset else "")
    sentences = [f"{panel}."]
    for name in ("join_warning", "repeats"):
        if warning := text(comparison.attrs, name):
            sentences.append(f"{warning[0].upper()}{warning[1:]}.")
    if not scores:
        return sentences
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
        note = ", not distinguishable from chance" if score.not_significant[i, j] else ""
        sentences.append(f"The {strongest} score {where} is {pair}: {value}{chance}{note}{tested}.")
    elif score.pairs():
        sentences.append(f"No pair has a defined {score.label}: is an embedding constant?")
    significant = count_significant(score, real)
    if significant:
        sentences.append(f"{significant} of models are significantly above chance (q ≤ {score.alpha:g}, permutations).")
    control = _strongest(score, [p for p in score.pairs() if (kinds[p[0]] == CONTROL) != (kinds[p[1]] == CONTROL)])
    if control:
        i, j = sorted(control, key=lambda index: kinds[index] != CONTROL)
        value = number(score.values[control], 2)
        sentences.append(f"For scale: {names[i]}, a control that has learnt nothing, reaches {value} with {names[j]}.")
    if ceiling := replicate_ceiling(comparison):
        sentences.append(ceiling)
    return sentences


def _strongest(score: PairScores, pairs: list[tuple[int, int]]) -> tuple[int, int] | None:
    defined = [pair for pair in pairs if np.isfinite(score.values[pair])]
    return max(defined, key=lambda pair: score.strength[pair], default=None)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
