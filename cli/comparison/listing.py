"""Print a Comparison: all pairs with their scores, the single metrics, the layers that agree most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
import numpy as np

from ..console import print_table
from .numbers import estimate, number
from .scores import NOT_SIGNIFICANT, UNRESOLVED, PairScores, errors, model_names, read_scores, single_metrics
from .trained import TRAINED, marked_names, trained_note

if TYPE_CHECKING:
    import xarray as xr


# How the number of pairs was corrected for, where it is not the usual way.
_FDR = {"bh": "", "by": " by Benjamini-Yekutieli"}


def print_comparison(comparison: xr.Dataset) -> None:
    """Print all pairs with their scores, then the single metrics.

    Chance levels are in brackets, and directed metrics have a column for each direction. Scores that are not
    significantly above chance under permutation are marked.
    """
    names, scores = marked_names(comparison), list(read_scores(comparison).values())
    headings, columns = [], []
    for score in scores:
        chance = " (chance)" if np.isfinite(score.level) else ""
        for arrow in (" →", " ←") if score.directed else ("",):
            headings.append(f"{score.name}{arrow}{chance}")
            columns.append((score, arrow == " ←"))
    ranked = [score.name for score in scores if f"{score.name}_rank" in comparison] if len(names) > 2 else []
    headings += [f"{name} rank" for name in ranked]
    rows = [
        (
            names[i],
            names[j],
            *(cell(score, (j, i) if reverse else (i, j)) for score, reverse in columns),
            *(_rank(comparison, name, (i, j)) for name in ranked),
        )
        for i in range(len(names))
        for j in range(i + 1, len(names))
    ]
    if rows and scores:
        print_table(("model", "other", *headings), rows, keys=2)
        more = ["rank of the pair, 1 for the most aligned, and its 95 % interval"] if ranked else []
        if note := trained_note(comparison):
            more.append(f"{TRAINED} {note}")
        click.echo("".join(f"{line}\n" for line in [*notes(scores), *more]))
    print_beyond(comparison, scores)
    single = single_metrics(comparison)
    if single:
        headings = [f"{m} (k = {comparison[m].attrs['k']})" if "k" in comparison[m].attrs else m for m in single]
        cells = [
            [
                estimate(float(value), error)
                for value, error in zip(comparison[m].values, errors(comparison, m), strict=True)
            ]
            for m in single
        ]
        print_table(("model", *headings), list(zip(names, *cells, strict=True)), right=headings, keys=1)


def print_beyond(comparison: xr.Dataset, scores: Sequence[PairScores]) -> None:
    """Print what each pair shares beyond the strata of the samples, such as their formulas; nothing without strata."""
    tested = [score for score in scores if np.isfinite(score.beyond).any()]
    if not tested:
        return
    kind = comparison.attrs.get("strata_kind") or "strata"
    names, headings = model_names(comparison), []
    columns = []
    for score in tested:
        for arrow in (" →", " ←") if score.directed else ("",):
            headings.append(f"{score.name}{arrow} (within {kind})")
            columns.append((score, arrow == " ←"))
    rows = [
        (names[i], names[j], *(_beyond_cell(score, (j, i) if reverse else (i, j)) for score, reverse in columns))
        for i in range(len(names))
        for j in range(i + 1, len(names))
    ]
    click.echo(
        f"beyond {kind}: 0 is the mean score, in brackets, when samples are permuted within {kind} "
        f"({comparison.attrs['strata_permuted']} of {comparison.attrs['n']} samples can be), 1 is the best score"
    )
    print_table(("model", "other", *headings), rows, keys=2)


def _rank(comparison: xr.Dataset, name: str, pair: tuple[int, int]) -> str:
    rank, low, high = (comparison[f"{name}_{suffix}"].values[pair] for suffix in ("rank", "rank_low", "rank_high"))
    return f"{rank:.0f} ({low:.0f}–{high:.0f})" if np.isfinite(rank) else "–"


def _beyond_cell(score: PairScores, pair: tuple[int, int]) -> str:
    shown = f"{number(score.beyond[pair], 4)} ({number(score.strata_null[pair], 4)})"
    return f"{shown} p = {score.strata_p[pair]:.2g}" if np.isfinite(score.strata_p[pair]) else shown


def print_layers(comparison: xr.Dataset) -> None:
    """Print the two layers that agree most, for each metric and each two models compared with several layers."""
    from hyle.engine.analysis import best_layers

    for score in read_scores(comparison).values():
        if f"{score.name}_null_samples" not in comparison:
            continue
        rows = [
            (
                best.layer,
                best.other_layer,
                str(best.pairs),
                number(best.value, 4),
                f"{best.p:.2g}",
                number(best.calibrated, 4),
            )
            for best in best_layers(comparison, score.name)
            if best.pairs > 1
        ]
        if rows:
            click.echo(f"the layers that agree most, by {score.name}; p is for the best of all pairs of layers")
            headings = ("layer", "other", "pairs of layers", "alignment", "p", "calibrated")
            print_table(headings, rows, right=headings[2:], keys=2)


def notes(scores: Sequence[PairScores]) -> list[str]:
    """Return the lines that explain the signs and settings in the table of pairs."""
    lines = ["→ from model to other, ← from other to model"] if any(score.directed for score in scores) else []
    lower = [score.name for score in scores if not score.higher_is_better]
    if lower:
        lines.append(f"lower is more similar: {', '.join(lower)}")
    by_neighbours: dict[str, list[str]] = {}
    for score in scores:
        if score.k is not None:
            by_neighbours.setdefault(f"k = {score.k}, {score.neighbour_metric}", []).append(score.name)
    lines += [f"{settings}: {', '.join(names)}" for settings, names in by_neighbours.items()]
    if any(np.isfinite(score.raw).any() for score in scores):
        lines.append("[ ] before the covariates were regressed out, on the same samples")
    if any(np.isfinite(score.se).any() for score in scores):
        lines.append("± one standard error, by delete-a-group jackknife over the samples")
    tested = next((score for score in scores if score.permutations), None)
    if tested is not None:
        lines.append(
            f"{NOT_SIGNIFICANT} not significantly above chance at level {tested.alpha:g}, after correction for the "
            f"number of pairs (q > {tested.alpha:g}{_FDR[tested.fdr]}; {tested.permutations} permutations)"
        )
        if any(score.unresolved.any() for score in scores):
            lines.append(f"{UNRESOLVED} undecided: with so few permutations no score of this pair could be significant")
    return lines


def cell(score: PairScores, pair: tuple[int, int]) -> str:
    """Format the score of a pair: its standard error, chance level, raw score, and a mark if not above chance."""
    value, chance = score.values[pair], score.chance[pair]
    shown = estimate(value, score.se[pair], 4)
    shown += f" ({number(chance, 4)})" if np.isfinite(chance) else ""
    shown += f" [{number(score.raw[pair], 4)}]" if np.isfinite(score.raw[pair]) else ""
    return f"{shown} {score.mark(pair)}".rstrip()
