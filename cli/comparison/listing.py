"""Print a Comparison: all pairs with their scores, the single metrics, the layers that agree most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click
import numpy as np

from ..tables import print_table
from .columns import Column, Pair, digits_of, has_directions, pairs_in_order, score_columns
from .numbers import estimate, number
from .scores import NOT_SIGNIFICANT, UNRESOLVED, PairScores, errors, model_names, read_scores, single_metrics
from .trained import TRAINED, marked_names, trained_note
from .undefined import undefined_scores

if TYPE_CHECKING:
    import xarray as xr


# How the number of pairs was corrected for, where it is not the usual way.
_FDR = {"bh": "", "by": " by Benjamini-Yekutieli"}


def print_comparison(comparison: xr.Dataset) -> None:
    """Print all pairs with their scores, the most aligned by the first metric first, then the single metrics.

    Chance levels are in the heading or, where they differ between pairs, in brackets after each score. Directed metrics
    have a column for each direction, unless both agree. Scores that are not significantly above chance under
    permutation are marked. A table of more metrics than pairs has the metrics as rows.
    """
    names, scores = marked_names(comparison), list(read_scores(comparison).values())
    columns = score_columns(scores)
    ranked = [score.name for score in scores if f"{score.name}_rank" in comparison] if len(names) > 2 else []
    pairs = pairs_in_order(scores, len(names))
    if pairs and scores:
        if len(pairs) == 1 or 2 * len(pairs) < len(columns):
            ranks = {f"{name} rank": [_rank(comparison, name, pair) for pair in pairs] for name in ranked}
            _print_turned(names, columns, pairs, ranks)
        else:
            headings = ["model", "other", *(column.heading for column in columns), *(f"{name} rank" for name in ranked)]
            rows = [
                (
                    names[i],
                    names[j],
                    *(column.cell((i, j)) for column in columns),
                    *(_rank(comparison, name, (i, j)) for name in ranked),
                )
                for i, j in pairs
            ]
            print_table(headings, rows, keys=2)
        more = ["rank of the pair, 1 for the most aligned, and its 95 % interval"] if ranked else []
        if note := trained_note(comparison):
            more.append(f"{TRAINED} {note}")
        click.echo("".join(f"{line}\n" for line in ["", *notes(scores), *more]), nl=False)
    print_beyond(comparison, scores)
    single = single_metrics(comparison)
    if single:
        if pairs and scores:
            click.echo()
        headings = [f"{m} (k = {comparison[m].attrs['k']})" if "k" in comparison[m].attrs else m for m in single]
        cells = [
            [
                estimate(float(value), error)
                for value, error in zip(comparison[m].values, errors(comparison, m), strict=True)
            ]
            for m in single
        ]
        if len(names) == 2:
            turned = [(heading, *of_metric) for heading, of_metric in zip(headings, cells, strict=True)]
            print_table(("metric", *names), turned, right=names, keys=1)
        else:
            print_table(("model", *headings), list(zip(names, *cells, strict=True)), right=headings, keys=1)
    for undefined in undefined_scores(comparison):
        click.echo(undefined.line())


def _print_turned(
    names: Sequence[str], columns: Sequence[Column], pairs: Sequence[Pair], ranks: Mapping[str, Sequence[str]]
) -> None:
    """Print a table with a metric in each row and a pair in each column."""
    levels = [number(column.level, column.digits) if np.isfinite(column.level) else "" for column in columns]
    rows = [(column.name, level, *map(column.cell, pairs)) for column, level in zip(columns, levels, strict=True)] + [
        (name, "", *cells) for name, cells in ranks.items()
    ]
    headings = ["metric", "chance", *(f"{names[i]}, {names[j]}" for i, j in pairs)]
    if not any(levels):
        headings, rows = [headings[0], *headings[2:]], [(row[0], *row[2:]) for row in rows]
    print_table(headings, rows, right=("chance",), keys=2 if any(levels) else 1)
    if any(np.isfinite(column.score.level) and not np.isfinite(column.level) for column in columns):
        click.echo("( ) chance level of the pair")


def print_beyond(comparison: xr.Dataset, scores: Sequence[PairScores]) -> None:
    """Print what each pair shares beyond the strata of the samples, such as their formulas; nothing without strata."""
    tested = [score for score in scores if np.isfinite(score.beyond).any()]
    if not tested:
        return
    kind = comparison.attrs.get("strata_kind") or "strata"
    names, columns = model_names(comparison), score_columns(tested)
    headings = [f"{column.name} (within {kind})" for column in columns]
    rows = [
        (names[i], names[j], *(_beyond_cell(column, (i, j)) for column in columns))
        for i, j in pairs_in_order(scores, len(names))
    ]
    click.echo(
        f"\nbeyond {kind}: 0 is the mean score, in brackets, when samples are permuted within {kind} "
        f"({comparison.attrs['strata_permuted']} of {comparison.attrs['n']} samples can be), 1 is the best score"
    )
    print_table(("model", "other", *headings), rows, keys=2)


def _rank(comparison: xr.Dataset, name: str, pair: tuple[int, int]) -> str:
    rank, low, high = (comparison[f"{name}_{suffix}"].values[pair] for suffix in ("rank", "rank_low", "rank_high"))
    return f"{rank:.0f} ({low:.0f}–{high:.0f})" if np.isfinite(rank) else "–"


def _beyond_cell(column: Column, pair: tuple[int, int]) -> str:
    score, digits = column.score, column.digits
    pair = pair[::-1] if column.arrow == "←" else pair
    shown = f"{number(score.beyond[pair], digits)} ({number(score.strata_null[pair], digits)})"
    return f"{shown} p = {score.strata_p[pair]:.2g}" if np.isfinite(score.strata_p[pair]) else shown


def print_layers(comparison: xr.Dataset) -> None:
    """Print the two layers that agree most, for each metric and each two models compared with several layers."""
    if not any("@" in name for name in model_names(comparison)):
        return
    from hyle.engine.analysis import best_layers  # with SciPy, which few comparisons need

    for score in read_scores(comparison).values():
        if f"{score.name}_null_samples" not in comparison:
            continue
        rows = [
            (
                best.layer,
                best.other_layer,
                str(best.pairs),
                number(best.value, digits_of(score)),
                f"{best.p:.2g}",
                number(best.calibrated, 2),
            )
            for best in best_layers(comparison, score.name)
            if best.pairs > 1
        ]
        if rows:
            click.echo(f"\nthe layers that agree most, by {score.name}; p is for the best of all pairs of layers")
            headings = ("layer", "other", "pairs of layers", "alignment", "p", "calibrated")
            print_table(headings, rows, right=headings[2:], keys=2)


def notes(scores: Sequence[PairScores]) -> list[str]:
    """Return the lines that explain the signs and settings in the table of pairs."""
    lines = ["→ from model to other, ← from other to model"] if any(map(has_directions, scores)) else []
    lower = [score.name for score in scores if not score.higher_is_better]
    if lower:
        lines.append(f"lower is more similar: {', '.join(lower)}")
    by_neighbours: dict[str, list[str]] = {}
    for score in scores:
        if score.k is not None:
            by_neighbours.setdefault(f"k = {score.k}, {score.neighbour_metric}", []).append(score.name)
    lines += [f"{settings}: {', '.join(dict.fromkeys(names))}" for settings, names in by_neighbours.items()]
    if any(np.isfinite(score.raw).any() for score in scores):
        lines.append("[ ] before the covariates were regressed out, on the same samples")
    if any(np.isfinite(score.se).any() for score in scores):
        over = "queries" if any("queries" in score.recipe for score in scores) else "samples"
        lines.append(f"± one standard error, by delete-a-group jackknife over the {over}")
    tested = [score for score in scores if score.permutations]
    if tested:
        first, marks = tested[0], {score.mark(pair) for score in tested for pair in score.pairs()}
        defined = [bool(np.isfinite(score.q[pair])) for score in tested for pair in score.pairs()]
        correction = f"{_FDR[first.fdr]}; {first.permutations} permutations"
        if NOT_SIGNIFICANT in marks:
            lines.append(
                f"{NOT_SIGNIFICANT} not significantly above chance at level {first.alpha:g}, after correction for the "
                f"number of pairs (q > {first.alpha:g}{correction})"
            )
        elif UNRESOLVED not in marks and any(defined):
            which = "all scores" if all(defined) else "all defined scores"
            lines.append(f"{which} are significantly above chance (q <= {first.alpha:g}{correction})")
        if UNRESOLVED in marks:
            lines.append(f"{UNRESOLVED} undecided: with so few permutations no score of this pair could be significant")
    return lines
