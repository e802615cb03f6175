"""A Comparison as text: every pair with its scores, the single metrics, the layers that agree most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
import numpy as np

from ..console import print_table
from .numbers import estimate, number
from .scores import NOT_SIGNIFICANT, PairScores, errors, model_names, read_scores, single_metrics

if TYPE_CHECKING:
    import xarray as xr


def print_comparison(comparison: xr.Dataset) -> None:
    """Print every pair with its scores, chance in brackets, directed ones both ways, then the single metrics.

    A score that permutations do not tell from chance carries a sign.
    """
    names, scores = model_names(comparison), list(read_scores(comparison).values())
    headings, ways = [], []
    for score in scores:
        chance = " (chance)" if np.isfinite(score.level) else ""
        for arrow in (" →", " ←") if score.directed else ("",):
            headings.append(f"{score.name}{arrow}{chance}")
            ways.append((score, arrow == " ←"))
    rows = [
        (names[i], names[j], *(cell(score, (j, i) if back else (i, j)) for score, back in ways))
        for i in range(len(names))
        for j in range(i + 1, len(names))
    ]
    if rows and scores:
        print_table(("model", "other", *headings), rows, keys=2)
        click.echo("".join(f"{line}\n" for line in notes(scores)))
    single = single_metrics(comparison)
    if single:
        headings = [f"{m} (k = {comparison[m].attrs['k']})" if "k" in comparison[m].attrs else m for m in single]
        columns = [
            [
                estimate(float(value), error)
                for value, error in zip(comparison[m].values, errors(comparison, m), strict=True)
            ]
            for m in single
        ]
        print_table(("model", *headings), list(zip(names, *columns, strict=True)), right=headings, keys=1)


def print_layers(comparison: xr.Dataset) -> None:
    """Print, for every two models of which several layers are compared, the two that agree most, metric by metric."""
    from hyle.engine.analysis import best_layers

    for score in read_scores(comparison).values():
        if f"{score.name}_null_samples" not in comparison:
            continue
        found = [one for one in best_layers(comparison, score.name) if one.pairs > 1]
        rows = [
            (
                one.layer,
                one.other_layer,
                str(one.pairs),
                number(one.value, 4),
                f"{one.p:.2g}",
                number(one.calibrated, 4),
            )
            for one in found
        ]
        if rows:
            click.echo(f"the layers that agree most, by {score.name}; p is that of the best of all pairs of layers")
            headings = ("layer", "other", "pairs of layers", "alignment", "p", "calibrated")
            print_table(headings, rows, right=headings[2:], keys=2)


def notes(scores: Sequence[PairScores]) -> list[str]:
    """Return what a reader of the pairs must know besides the numbers."""
    notes = ["→ from model to other, ← from other to model"] if any(score.directed for score in scores) else []
    lower = [score.name for score in scores if not score.higher_is_better]
    if lower:
        notes.append(f"the lower the more alike: {', '.join(lower)}")
    near: dict[str, list[str]] = {}
    for score in scores:
        if score.k is not None:
            near.setdefault(f"k = {score.k}, {score.neighbour_metric}", []).append(score.name)
    notes += [f"{how}: {', '.join(names)}" for how, names in near.items()]
    if any(np.isfinite(score.raw).any() for score in scores):
        notes.append("[ ] before the covariates were taken out, on the same samples")
    if any(np.isfinite(score.se).any() for score in scores):
        notes.append("± one standard error, by leaving out parts of the samples")
    tested = next((score for score in scores if score.permutations), None)
    if tested is not None:
        notes.append(
            f"{NOT_SIGNIFICANT} not told from chance: q > {tested.alpha:g}, the p-value by {tested.permutations} "
            "permutations, adjusted for the number of pairs"
        )
    return notes


def cell(score: PairScores, pair: tuple[int, int]) -> str:
    """Return the score of one pair with what belongs beside it: its error, its chance level, a sign if by chance."""
    value, chance = score.values[pair], score.chance[pair]
    shown = estimate(value, score.se[pair], 4)
    shown += f" ({number(chance, 4)})" if np.isfinite(chance) else ""
    shown += f" [{number(score.raw[pair], 4)}]" if np.isfinite(score.raw[pair]) else ""
    return f"{shown} {NOT_SIGNIFICANT}" if score.not_significant[pair] else shown
