"""Summary at the top of the report, in sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..comparison import (
    CONTROL,
    NOT_SIGNIFICANT,
    TRAINED,
    UNRESOLVED,
    PairScores,
    integer,
    modalities,
    model_names,
    number,
    read_scores,
    replicate_ceiling,
    text,
    trained_note,
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
    if trained := trained_note(comparison):
        sentences.append(f"{trained[0].upper()}{trained[1:]} ({TRAINED}).")
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
        mark = score.mark((i, j))
        note = ", not distinguishable from chance" if mark == NOT_SIGNIFICANT else ""
        note = ", undecided by so few permutations" if mark == UNRESOLVED else note
        sentences.append(f"The {strongest} score {where} is {pair}: {value}{chance}{note}{tested}.")
        if np.isfinite(score.beyond[i, j]):
            sentences.append(_beyond(comparison, score, best))
    elif score.pairs():
        sentences.append(f"No pair has a defined {score.label}: is an embedding constant?")
    significant = count_significant(score, real)
    if significant:
        sentences.append(f"{significant} of models are significantly above chance (q ≤ {score.alpha:g}, permutations).")
    control = _strongest(score, [p for p in score.pairs() if (kinds[p[0]] == CONTROL) != (kinds[p[1]] == CONTROL)])
    if control:
        i, j = sorted(control, key=lambda index: kinds[index] != CONTROL)
        value = number(score.values[control], 2)
        sentence = f"For scale: {names[i]}, a control that has learnt nothing, reaches {value} with {names[j]}"
        sentences.append(f"{sentence}{_against(score, best, control) if best else ''}.")
    if ceiling := replicate_ceiling(comparison):
        sentences.append(ceiling)
    return sentences


def _beyond(comparison: xr.Dataset, score: PairScores, pair: tuple[int, int]) -> str:
    """Return how much of a score is left when samples are compared within their formula, or another stratum."""
    kind = text(comparison.attrs, "strata_kind") or "stratum"
    return (
        f"When samples are permuted within {kind}, this score has a mean of {number(score.strata_null[pair], 2)}. "
        f"Beyond {kind} it is {number(score.beyond[pair], 2)}, where 1 is the best "
        f"(p = {score.strata_p[pair]:.2g}, {comparison.attrs['strata_permuted']} of {comparison.attrs['n']} samples)."
    )


def _strongest(score: PairScores, pairs: list[tuple[int, int]]) -> tuple[int, int] | None:
    defined = [pair for pair in pairs if np.isfinite(score.values[pair])]
    return max(defined, key=lambda pair: score.strength[pair], default=None)


def _against(score: PairScores, best: tuple[int, int], control: tuple[int, int]) -> str:
    """Return how much better the best pair is than the best pair with a control, with the interval over samples.

    Controls are chosen, so that there is no test over them. Both scores are of the same samples; their errors are
    treated as independent.
    """
    difference = float(score.values[best] - score.values[control]) * (1 if score.higher_is_better else -1)
    half_width = 1.96 * math.hypot(float(score.se[best]), float(score.se[control]))
    if not np.isfinite([difference, half_width]).all():
        return ""
    low, high = difference - half_width, difference + half_width
    interval = f"95 % {number(low, 2)} to {number(high, 2)} over samples"
    if low <= 0 <= high:
        return f"; the best pair is not distinguishable from that (difference {number(difference, 2)}, {interval})"
    word = "better" if difference > 0 else "worse"
    return f"; the best pair is {number(abs(difference), 2)} {word} (difference {interval})"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
